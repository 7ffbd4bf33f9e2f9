// safetensors: 8 bytes little-endian header length, a JSON header, then the tensors' bytes.
//
// Reading maps the files and checks every header field against the file before anything is used, so that no later
// access can leave the mapping: a wrong file is an error that names the file and the tensor, never a crash.
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "os/mapped_file.h"

namespace fathom::formats {

enum class DType : std::uint8_t { boolean, u8, i8, i16, u16, i32, u32, i64, u64, f16, bf16, f32, f64, f8_e4m3, f8_e5m2, f8_e8m0 };

std::string_view name(DType dtype);     // as in the header: "BF16", "F8_E4M3", ...
std::size_t size_of(DType dtype);       // bytes per element

// A tensor inside a mapped file. The bytes belong to the Checkpoint (or other mapping) that it came from.
struct Tensor {
  DType dtype;
  std::vector<std::int64_t> shape;     // row-major
  std::span<const std::byte> bytes;
  int shard;                           // index into Checkpoint::shards()
};

// Parses one safetensors header and checks it against the size of the file: lengths, dtypes, shapes, offsets in range,
// sizes that match, no overlap, no duplicate names, no gap-free assumption. `file` is the whole file's bytes; `where` names it
// in errors. This is what the fuzz target calls.
Result<std::map<std::string, Tensor, std::less<>>> parse_safetensors(std::span<const std::byte> file, std::string_view where,
                                                                    int shard = 0);

// All tensors of a checkpoint folder: model.safetensors.index.json with its shards, or a single model.safetensors
// (or, without an index, all model*.safetensors files). Also opens one .safetensors file directly.
// Ownership: keeps the shards mapped; Tensors point into them. Thread safety: const after open().
class Checkpoint {
 public:
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

// Writes one .safetensors file, streaming: declare the tensors, then append their bytes in the declared order.
// The file appears under its name only when finish() succeeded (temporary file, fsync, rename); the destructor of an
// unfinished writer removes the temporary file.
class SafetensorsWriter {
 public:
  struct Declaration {
    std::string name;
    DType dtype;
    std::vector<std::int64_t> shape;
  };
  static Result<SafetensorsWriter> create(const std::filesystem::path& path, std::vector<Declaration> tensors,
                                          const std::map<std::string, std::string>& metadata = {});
  SafetensorsWriter(SafetensorsWriter&&) noexcept;
  SafetensorsWriter& operator=(SafetensorsWriter&&) noexcept;
  ~SafetensorsWriter();

  // Appends bytes of the current tensor (any split; a tensor may take several calls).
  Status append(std::span<const std::byte> bytes);
  // Fails when fewer or more bytes came than were declared.
  Status finish();

 private:
  SafetensorsWriter() = default;
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace fathom::formats
