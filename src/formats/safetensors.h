// safetensors: 8 bytes little-endian header length, a JSON header, then the tensors' bytes.
//
// Reading maps the files and checks every header field against the file before anything is used, so that no
// later access can leave the mapping: a wrong file is an error that names the file and the tensor, never a
// crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/mapped_file.h"

namespace fathom::formats {

enum class DType : std::uint8_t {
  boolean,
  u8,
  i8,
  i16,
  u16,
  i32,
  u32,
  i64,
  u64,
  f16,
  bf16,
  f32,
  f64,
  f8_e4m3,
  f8_e5m2,
  f8_e8m0
};

std::string_view name(DType dtype);                         // as in the header: "BF16", "F8_E4M3", ...
std::optional<DType> dtype_of_name(std::string_view name);  // the inverse; nothing for an unknown name
std::size_t size_of(DType dtype);                           // bytes per element

// A tensor inside a mapped file. The bytes belong to the Checkpoint (or other mapping) that it came from;
// they start at any address: the format aligns nothing.
struct Tensor {
  DType dtype;
  std::vector<std::int64_t> shape;  // in elements, row-major; empty for a scalar
  std::span<const std::byte> bytes;
  int shard;  // index into Checkpoint::shards()
};

// Parses one safetensors header and checks it against the size of the file: lengths, dtypes, shapes, offsets
// in range, sizes that match, no overlap, no duplicate names. Gaps between tensors are allowed. `file` is the
// whole file's bytes; `where` names it in errors. Errors: corrupt, unsupported (an unknown dtype). This is
// what the fuzz target calls.
Result<std::map<std::string, Tensor, std::less<>>> parse_safetensors(std::span<const std::byte> file,
                                                                     std::string_view where, int shard = 0);

// All tensors of a checkpoint folder: model.safetensors.index.json with its shards, or a single
// model.safetensors (or, without an index, all model*.safetensors files). Also opens one .safetensors file
// directly. Ownership: keeps the shards mapped; Tensors point into them. Thread safety: const after open().
class Checkpoint {
 public:
  // Reads and checks all headers, and that each tensor of the index is in its shard. The error lists several
  // problems at once. Errors: not_found (nothing there, a missing shard), corrupt, unsupported, io.
  static Result<Checkpoint> open(const std::filesystem::path& folder_or_file);

  // nullptr when there is no such tensor.
  const Tensor* find(std::string_view name) const;
  const std::map<std::string, Tensor, std::less<>>& tensors() const { return tensors_; }
  struct Shard {
    std::filesystem::path path;
    os::MappedFile file;
  };
  const std::vector<Shard>& shards() const { return shards_; }

 private:
  std::map<std::string, Tensor, std::less<>> tensors_;
  std::vector<Shard> shards_;
};

// Writes one .safetensors file, streaming: declare the tensors, then append their bytes in the declared
// order. The file appears under its name only when finish() succeeded (temporary file, fsync, rename); the
// destructor of an unfinished writer removes the temporary file. Thread safety: one thread at a time.
class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    DType dtype;
    std::vector<std::int64_t> shape;
  };
  // Errors: invalid_argument (a declaration that parse_safetensors would refuse), not_found (the folder), io.
  static Result<SafetensorsWriter> create(const std::filesystem::path& path, std::vector<Declaration> tensors,
                                          const std::map<std::string, std::string>& metadata = {});
  SafetensorsWriter(SafetensorsWriter&&) noexcept;
  SafetensorsWriter& operator=(SafetensorsWriter&&) noexcept;
  ~SafetensorsWriter();

  // Appends bytes of the current tensor (any split; a tensor may take several calls, but a call stays within
  // one). Errors: invalid_argument (more bytes than declared), io (disk full, ...). After an error every
  // later call fails.
  Status append(std::span<const std::byte> bytes);
  // Fails when fewer or more bytes came than were declared. At most once.
  Status finish();

 private:
  SafetensorsWriter();
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fathom::formats
