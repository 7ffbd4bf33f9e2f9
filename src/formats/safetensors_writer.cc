#include <array>
#include <boost/json/serialize.hpp>
#include <boost/json/string_view.hpp>
#include <boost/json/value.hpp>
#include <utility>

#include "formats/quote_name.h"
#include "formats/safetensors.h"
#include "formats/safetensors_header.h"
#include "os/new_file.h"

namespace fathom::formats {
namespace {

using Declarations = std::vector<SafetensorsWriter::Declaration>;

std::string json_string(std::string_view text) {
  return boost::json::serialize(boost::json::string_view(text.data(), text.size()));
}

struct Header {
  std::string json;
  std::vector<std::uint64_t> sizes = {};  // of the tensors, in bytes
  std::uint64_t data_bytes = 0;
};

// Adds a member to a JSON object that lacks its closing brace.
void add_member(std::string& object, std::string_view key, std::string_view value) {
  if (object.size() > 1) object += ',';
  object += json_string(key);
  object += ':';
  object += value;
}

Result<Header> make_header(const Declarations& tensors, const std::map<std::string, std::string>& metadata) {
  Header header{.json = "{"};
  if (!metadata.empty()) {
    std::string pairs = "{";
    for (const auto& [key, value] : metadata) add_member(pairs, key, json_string(value));
    add_member(header.json, "__metadata__", pairs + "}");
  }
  for (const auto& tensor : tensors) {
    const auto size = byte_size(tensor.dtype, tensor.shape);
    if (!size) return fail(ErrorCode::corrupt, "tensor {} {}", quote_name(tensor.name), size.error().message);
    const std::uint64_t begin = header.data_bytes;
    header.data_bytes += *size;
    header.sizes.push_back(*size);
    add_member(header.json, tensor.name,
               fmt::format(R"({{"dtype":"{}","shape":[{}],"data_offsets":[{},{}]}})", name(tensor.dtype),
                           shape_text(tensor.shape), begin, header.data_bytes));
  }
  header.json += '}';
  header.json.resize((header.json.size() + 7) / 8 * 8, ' ');  // aligns the data, as the reference writer does
  return header;
}

// What the reader refuses (equal names, bad UTF-8, too many bytes) is not written.
Status check(const Header& header) {
  if (header.json.size() > kMaxHeaderBytes)
    return fail(ErrorCode::corrupt, "the header takes {} bytes, at most {} are allowed", header.json.size(),
                kMaxHeaderBytes);
  FATHOM_TRY(const HeaderEntries entries, parse_header(header.json, header.data_bytes, "declared tensors"));
  if (entries.size() != header.sizes.size())
    return fail(ErrorCode::corrupt, "\"__metadata__\" cannot be the name of a tensor");
  return {};
}

}  // namespace

struct SafetensorsWriter::State {
  std::string where;
  os::NewFile file;
  Declarations tensors;
  std::vector<std::uint64_t> sizes;
  std::size_t current = 0;      // the tensor whose bytes come next
  std::uint64_t remaining = 0;  // of its bytes
  Status status = {};           // the first error

  // Moves on to the next tensor that lacks bytes.
  void skip_complete() {
    while (remaining == 0 && current < sizes.size() && ++current < sizes.size()) remaining = sizes[current];
  }

  Status write(std::span<const std::byte> bytes) {
    if (bytes.size() > remaining) {
      if (current == tensors.size())
        return fail(ErrorCode::invalid_argument, "{}: {} bytes came after the last tensor", where,
                    bytes.size());
      return fail(ErrorCode::invalid_argument, "{}: tensor {} lacks {} of its {} bytes, but {} came", where,
                  quote_name(tensors[current].name), remaining, sizes[current], bytes.size());
    }
    FATHOM_TRY_STATUS(file.write(bytes));
    remaining -= bytes.size();
    skip_complete();
    return {};
  }

  Status finish() {
    if (current < tensors.size())
      return fail(ErrorCode::invalid_argument, "{}: not finished: tensor {} lacks {} of its {} bytes", where,
                  quote_name(tensors[current].name), remaining, sizes[current]);
    return file.commit();
  }
};

Result<SafetensorsWriter> SafetensorsWriter::create(const std::filesystem::path& path, Declarations tensors,
                                                    const std::map<std::string, std::string>& metadata) {
  Result<Header> header = make_header(tensors, metadata);
  const Status valid = header ? check(*header) : tl::unexpected(header.error());
  if (!valid)
    return fail(ErrorCode::invalid_argument, "{}: cannot be written: {}", path.string(),
                valid.error().message);

  FATHOM_TRY(os::NewFile file, os::NewFile::create(path));
  std::array<std::byte, kHeaderLengthBytes> length;
  for (std::size_t i = 0; i < length.size(); ++i)
    length[i] = static_cast<std::byte>(header->json.size() >> 8 * i);
  FATHOM_TRY_STATUS(file.write(length));
  FATHOM_TRY_STATUS(file.write(std::as_bytes(std::span(header->json))));

  SafetensorsWriter writer;
  writer.state_.reset(
      new State{path.string(), std::move(file), std::move(tensors), std::move(header->sizes)});
  State& state = *writer.state_;
  if (!state.sizes.empty()) state.remaining = state.sizes[0];
  state.skip_complete();
  return writer;
}

SafetensorsWriter::SafetensorsWriter() = default;
SafetensorsWriter::SafetensorsWriter(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter& SafetensorsWriter::operator=(SafetensorsWriter&&) noexcept = default;
SafetensorsWriter::~SafetensorsWriter() = default;

Status SafetensorsWriter::append(std::span<const std::byte> bytes) {
  if (state_->status) state_->status = state_->write(bytes);
  return state_->status;
}

Status SafetensorsWriter::finish() {
  if (state_->status) state_->status = state_->finish();
  return state_->status;
}

}  // namespace fathom::formats
