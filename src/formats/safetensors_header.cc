#include "formats/safetensors_header.h"

#include <algorithm>
#include <limits>
#include <tuple>
#include <utility>

#include "formats/json_events.h"
#include "formats/quote_name.h"

namespace fathom::formats {
namespace {

constexpr std::size_t kMaxRank = 64;
constexpr std::string_view kMetadata = "__metadata__";

// Walks {"name": {"dtype": "F32", "shape": [2], "data_offsets": [0, 8]}, "__metadata__": {"key": "value"}}.
class HeaderReader : public JsonEvents {
 public:
  explicit HeaderReader(std::string_view where) : where_(where) {}
  HeaderEntries take() { return std::move(entries_); }

  Status on_object_begin() override {
    if (depth_ >= kInEntry) return unexpected("an object");
    if (depth_ == kInHeader) FATHOM_TRY_STATUS(begin_entry());
    ++depth_;
    return {};
  }

  Status on_object_end() override {
    if (depth_ == kInEntry && !in_metadata_) FATHOM_TRY_STATUS(end_entry());
    --depth_;
    return {};
  }

  Status on_array_begin() override {
    if (depth_ != kInEntry || !wants_array()) return unexpected("an array");
    ++depth_;
    return {};
  }

  Status on_array_end() override {
    --depth_;
    return {};
  }

  Status on_key(std::string_view key) override {
    if (depth_ == kInHeader) {
      name_ = key;
    } else if (!in_metadata_) {
      return begin_field(key);
    }
    return {};
  }

  Status on_string(std::string_view value) override {
    if (depth_ != kInEntry) return unexpected("a string");
    if (in_metadata_) return {};
    if (field_ != kDtype) return unexpected("a string");
    const auto dtype = dtype_of_name(value);
    if (!dtype)
      return fail(ErrorCode::unsupported, "{}: tensor {} has the unknown dtype {}", where_, quote_name(name_),
                  quote_name(value));
    entry_.dtype = *dtype;
    return {};
  }

  Status on_integer(std::int64_t value) override {
    if (depth_ != kInArray) return unexpected("a number");
    if (value < 0) return unexpected("a negative number");
    std::vector<std::int64_t>& array = field_ == kShape ? entry_.shape : offsets_;
    if (array.size() == kMaxRank) return unexpected(fmt::format("more than {} of them", kMaxRank));
    array.push_back(value);
    return {};
  }

  Status on_other(std::string_view what) override { return unexpected(what); }

 private:
  enum Depth { kOutside, kInHeader, kInEntry, kInArray };
  enum Field : unsigned { kNone = 0, kDtype = 1, kShape = 2, kOffsets = 4, kAllFields = 7 };

  bool wants_array() const { return !in_metadata_ && (field_ == kShape || field_ == kOffsets); }

  Status begin_entry() {
    in_metadata_ = name_ == kMetadata;
    if (in_metadata_ ? std::exchange(seen_metadata_, true) : entries_.contains(name_))
      return fail(ErrorCode::corrupt, "{}: {} is in the header twice", where_, quote_name(name_));
    entry_ = {};
    offsets_.clear();
    seen_fields_ = kNone;
    return {};
  }

  Status begin_field(std::string_view key) {
    field_ = key == "dtype" ? kDtype : key == "shape" ? kShape : key == "data_offsets" ? kOffsets : kNone;
    if (field_ == kNone)
      return fail(ErrorCode::unsupported, "{}: tensor {} has the unknown field {}", where_, quote_name(name_),
                  quote_name(key));
    if (seen_fields_ & field_)
      return fail(ErrorCode::corrupt, "{}: tensor {} has the field {} twice", where_, quote_name(name_),
                  quote_name(key));
    seen_fields_ |= field_;
    return {};
  }

  Status end_entry() {
    const auto bad = [&](const auto& what) {
      return fail(ErrorCode::corrupt, "{}: tensor {} {}", where_, quote_name(name_), what);
    };
    if (seen_fields_ != kAllFields) return bad("needs the fields dtype, shape and data_offsets");
    if (offsets_.size() != 2) return bad(fmt::format("needs 2 data_offsets, has {}", offsets_.size()));
    entry_.begin = static_cast<std::uint64_t>(offsets_[0]);
    entry_.end = static_cast<std::uint64_t>(offsets_[1]);
    if (entry_.begin > entry_.end)
      return bad(fmt::format("begins at {}, after its end {}", entry_.begin, entry_.end));
    const auto size = byte_size(entry_.dtype, entry_.shape);
    if (!size) return bad(size.error().message);
    if (*size != entry_.end - entry_.begin)
      return bad(fmt::format("is {} [{}], which takes {} bytes, but its data_offsets span {}",
                             name(entry_.dtype), shape_text(entry_.shape), *size, entry_.end - entry_.begin));
    entries_.emplace(std::move(name_), std::move(entry_));
    return {};
  }

  Status unexpected(std::string_view what) const {
    if (depth_ == kOutside)
      return fail(ErrorCode::corrupt, "{}: the header must be a JSON object, but is {}", where_, what);
    if (depth_ == kInHeader)
      return fail(ErrorCode::corrupt, "{}: {} must be an object in the header, but is {}", where_,
                  quote_name(name_), what);
    if (in_metadata_)
      return fail(ErrorCode::corrupt, "{}: {} must hold strings only, but holds {}", where_, kMetadata, what);
    const std::string_view expected = field_ == kDtype ? "dtype must be a string"
                                      : field_ == kShape
                                          ? "shape must be an array of whole numbers from 0"
                                          : "data_offsets must be an array of two whole numbers from 0";
    return fail(ErrorCode::corrupt, "{}: tensor {}: {}, but {} came", where_, quote_name(name_), expected,
                what);
  }

  std::string_view where_;
  HeaderEntries entries_;
  int depth_ = kOutside;
  bool seen_metadata_ = false;
  bool in_metadata_ = false;  // inside the value of __metadata__
  std::string name_;          // the tensor being read
  HeaderEntry entry_;
  std::vector<std::int64_t> offsets_;
  Field field_ = kNone;
  unsigned seen_fields_ = kNone;
};

// The file ends where the last tensor does, or later.
Status check_end(const HeaderEntries& entries, std::uint64_t header_bytes, std::uint64_t data_bytes,
                 std::string_view where) {
  const auto last = std::max_element(entries.begin(), entries.end(), [](const auto& a, const auto& b) {
    return a.second.end < b.second.end;
  });
  if (last == entries.end() || last->second.end <= data_bytes) return {};
  const std::uint64_t before = kHeaderLengthBytes + header_bytes;
  return fail(ErrorCode::corrupt,
              "{}: expected {} bytes (where tensor {} ends), file has {}: did the download finish?", where,
              before + last->second.end, quote_name(last->first), before + data_bytes);
}

Status check_overlap(const HeaderEntries& entries, std::string_view where) {
  using Place = std::tuple<std::uint64_t, std::uint64_t, const std::string*>;  // begin, end, name
  std::vector<Place> places;
  places.reserve(entries.size());
  for (const auto& [name, entry] : entries)
    if (entry.begin < entry.end) places.emplace_back(entry.begin, entry.end, &name);
  std::sort(places.begin(), places.end());
  for (std::size_t i = 1; i < places.size(); ++i) {
    const auto& [begin, end, name] = places[i];
    const auto& [previous_begin, previous_end, previous_name] = places[i - 1];
    if (begin < previous_end)
      return fail(ErrorCode::corrupt, "{}: tensors {} and {} overlap: [{}, {}) and [{}, {})", where,
                  quote_name(*previous_name), quote_name(*name), previous_begin, previous_end, begin, end);
  }
  return {};
}

}  // namespace

Result<std::uint64_t> byte_size(DType dtype, std::span<const std::int64_t> shape) {
  auto size = static_cast<std::int64_t>(size_of(dtype));
  bool empty = false;
  for (std::int64_t dimension : shape) {
    if (dimension < 0) return fail(ErrorCode::corrupt, "has the negative dimension {}", dimension);
    empty |= dimension == 0;
    if (dimension > 0 && size > std::numeric_limits<std::int64_t>::max() / dimension)
      return fail(ErrorCode::corrupt, "has the impossible shape [{}]", shape_text(shape));
    if (dimension > 0) size *= dimension;
  }
  return empty ? 0 : static_cast<std::uint64_t>(size);
}

std::string shape_text(std::span<const std::int64_t> shape) {
  std::string text;
  for (std::int64_t dimension : shape) {
    if (!text.empty()) text += ',';
    text += std::to_string(dimension);
  }
  return text;
}

Result<HeaderEntries> parse_header(std::string_view json, std::uint64_t data_bytes, std::string_view where) {
  HeaderReader reader(where);
  FATHOM_TRY_STATUS(parse_json(json, fmt::format("{}: header", where), reader));
  HeaderEntries entries = reader.take();
  FATHOM_TRY_STATUS(check_end(entries, json.size(), data_bytes, where));
  FATHOM_TRY_STATUS(check_overlap(entries, where));
  return entries;
}

}  // namespace fathom::formats
