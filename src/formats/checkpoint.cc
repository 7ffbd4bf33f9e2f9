#include <algorithm>
#include <optional>
#include <set>
#include <system_error>
#include <utility>

#include "formats/json_events.h"
#include "formats/quote_name.h"
#include "formats/safetensors.h"

namespace fathom::formats {
namespace {

namespace fs = std::filesystem;

constexpr const char* kIndexFile = "model.safetensors.index.json";
constexpr const char* kSingleFile = "model.safetensors";

// The index's weight_map: tensor name -> shard's file name.
using WeightMap = std::map<std::string, std::string, std::less<>>;

// A checkpoint that did not finish downloading has many problems; the first few tell what to do.
class Problems {
 public:
  void add(Error error) {
    if (++count_ > kShown) return;
    if (!first_) first_ = error.code;
    text_ += text_.empty() ? "" : "; ";
    text_ += error.message;
  }
  void add(tl::unexpected<Error> error) { add(std::move(error).value()); }

  Status status() const {
    if (count_ == 0) return {};
    if (count_ == 1) return fail(*first_, "{}", text_);
    if (count_ <= kShown) return fail(*first_, "{} problems: {}", count_, text_);
    return fail(*first_, "{} problems: {}; and {} more", count_, text_, count_ - kShown);
  }

 private:
  static constexpr std::size_t kShown = 8;
  std::size_t count_ = 0;
  std::optional<ErrorCode> first_;
  std::string text_;
};

// A shard is a file of the checkpoint's own folder: no other path may come out of an index.
bool is_plain_file_name(std::string_view name) {
  return !name.empty() && name != "." && name != ".." &&
         name.find_first_of(std::string_view("/\\\0", 3)) == name.npos;
}

// Walks {"weight_map": {"tensor": "shard"}, anything else}.
class IndexReader : public JsonEvents {
 public:
  explicit IndexReader(const fs::path& path) : where_(path.string()) {}

  Result<WeightMap> take() {
    if (!seen_map_) return fail(ErrorCode::corrupt, "{}: has no weight_map", where_);
    return std::move(map_);
  }

  Status on_object_begin() override {
    if (depth_ == 2 && in_map_) return unexpected("an object");
    seen_map_ |= depth_ == 1 && in_map_;
    ++depth_;
    return {};
  }
  Status on_object_end() override { return end(); }
  Status on_array_begin() override {
    if (depth_ == 0 || in_map_) return unexpected("an array");
    ++depth_;
    return {};
  }
  Status on_array_end() override { return end(); }
  Status on_other(std::string_view what) override {
    if (depth_ == 0 || in_map_) return unexpected(what);
    return {};
  }
  Status on_integer(std::int64_t) override { return on_other("a number"); }

  Status on_key(std::string_view key) override {
    if (depth_ == 1) in_map_ = key == "weight_map";
    if (depth_ == 1 && in_map_ && seen_map_)
      return fail(ErrorCode::corrupt, "{}: has two weight_maps", where_);
    if (depth_ == 2 && in_map_) tensor_ = key;
    return {};
  }

  Status on_string(std::string_view value) override {
    if (depth_ != 2 || !in_map_) return on_other("a string");
    if (!is_plain_file_name(value))
      return fail(ErrorCode::corrupt, "{}: tensor {} is in {}, which is not a file name of this folder",
                  where_, quote_name(tensor_), quote_name(value));
    if (!map_.emplace(tensor_, value).second)
      return fail(ErrorCode::corrupt, "{}: tensor {} is in the weight_map twice", where_,
                  quote_name(tensor_));
    return {};
  }

 private:
  Status end() {
    --depth_;
    return {};
  }

  Status unexpected(std::string_view what) const {
    if (depth_ == 0) return fail(ErrorCode::corrupt, "{}: must be a JSON object, but is {}", where_, what);
    return fail(ErrorCode::corrupt, "{}: weight_map must map tensor names to file names, but holds {}",
                where_, what);
  }

  std::string where_;
  WeightMap map_;
  std::string tensor_;
  int depth_ = 0;        // open objects and arrays
  bool in_map_ = false;  // the current top-level key is weight_map
  bool seen_map_ = false;
};

Result<WeightMap> read_index(const fs::path& path) {
  FATHOM_TRY(const os::MappedFile file, os::MappedFile::open(path));
  IndexReader reader(path);
  const auto bytes = file.bytes();
  FATHOM_TRY_STATUS(
      parse_json({reinterpret_cast<const char*>(bytes.data()), bytes.size()}, path.string(), reader));
  return reader.take();
}

// The files to open, and what the index (when there is one) expects in them.
struct Contents {
  std::vector<fs::path> shards;  // sorted
  WeightMap weight_map;
};

Result<Contents> with_index(const fs::path& folder) {
  Contents contents;
  FATHOM_TRY(contents.weight_map, read_index(folder / kIndexFile));
  std::set<std::string_view> names;
  for (const auto& [tensor, shard] : contents.weight_map) names.insert(shard);
  for (std::string_view name : names) contents.shards.push_back(folder / name);
  if (names.empty()) return fail(ErrorCode::corrupt, "{}: lists no tensors", (folder / kIndexFile).string());
  return contents;
}

Result<Contents> without_index(const fs::path& folder) {
  Contents contents;
  std::error_code error;
  for (fs::directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    if (name.starts_with("model") && name.ends_with(".safetensors")) contents.shards.push_back(entry->path());
  }
  if (error) return fail(ErrorCode::io, "{}: cannot list the folder: {}", folder.string(), error.message());
  if (contents.shards.empty())
    return fail(
        ErrorCode::not_found,
        "{}: no checkpoint here: expected {}, {} or model*.safetensors. Give the folder that the model was "
        "downloaded to",
        folder.string(), kIndexFile, kSingleFile);
  std::sort(contents.shards.begin(), contents.shards.end());
  return contents;
}

Result<Contents> list(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (status.type() == fs::file_type::not_found)
    return fail(ErrorCode::not_found,
                "{}: no such file or folder. Give the folder that the model was downloaded to, or one "
                ".safetensors file",
                path.string());
  if (error) return fail(ErrorCode::io, "{}: {}", path.string(), error.message());
  if (!fs::is_directory(status)) return Contents{{path}, {}};
  if (fs::exists(path / kIndexFile, error)) return with_index(path);
  if (fs::exists(path / kSingleFile, error)) return Contents{{path / kSingleFile}, {}};
  return without_index(path);
}

}  // namespace

Result<Checkpoint> Checkpoint::open(const fs::path& folder_or_file) {
  FATHOM_TRY(const Contents contents, list(folder_or_file));
  Checkpoint checkpoint;
  Problems problems;
  std::set<std::string> unreadable;  // file names: their tensors are not missing as well

  const auto read_shard = [&](const fs::path& path) -> Status {
    FATHOM_TRY(os::MappedFile file, os::MappedFile::open(path));
    const int shard = static_cast<int>(checkpoint.shards_.size());
    FATHOM_TRY(auto tensors, parse_safetensors(file.bytes(), path.string(), shard));
    checkpoint.shards_.push_back({path, std::move(file)});
    checkpoint.tensors_.merge(tensors);
    for (const auto& [name, tensor] : tensors) {  // what merge() left is there already
      const Tensor& other = checkpoint.tensors_.find(name)->second;
      problems.add(fail(ErrorCode::corrupt, "{}: tensor {} is also in {}", path.string(), quote_name(name),
                        checkpoint.shards_[static_cast<std::size_t>(other.shard)].path.filename().string()));
    }
    return {};
  };
  for (const fs::path& path : contents.shards) {
    Status status = read_shard(path);
    if (status) continue;
    unreadable.insert(path.filename().string());
    if (status.error().code == ErrorCode::not_found)
      status.error().message =
          fmt::format("{}: the shard is missing: did the download finish?", path.string());
    problems.add(std::move(status).error());
  }

  for (const auto& [name, shard] : contents.weight_map) {
    if (unreadable.contains(shard)) continue;
    const Tensor* tensor = checkpoint.find(name);
    if (!tensor) {
      problems.add(fail(ErrorCode::corrupt, "{}: tensor {} is missing, which {} puts there", shard,
                        quote_name(name), kIndexFile));
      continue;
    }
    const fs::path& found = checkpoint.shards_[static_cast<std::size_t>(tensor->shard)].path;
    if (found.filename() != shard)
      problems.add(fail(ErrorCode::corrupt, "tensor {} is in {}, but {} says {}", quote_name(name),
                        found.filename().string(), kIndexFile, quote_name(shard)));
  }
  FATHOM_TRY_STATUS(problems.status());
  return checkpoint;
}

const Tensor* Checkpoint::find(std::string_view name) const {
  const auto found = tensors_.find(name);
  return found == tensors_.end() ? nullptr : &found->second;
}

}  // namespace fathom::formats
