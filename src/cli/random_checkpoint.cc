#include "cli/random_checkpoint.h"

#include <unistd.h>

#include <algorithm>
#include <boost/json.hpp>
#include <fstream>
#include <map>
#include <system_error>
#include <utility>
#include <vector>

#include "cli/random_tensor.h"
#include "formats/safetensors.h"
#include "model/layer_plan.h"
#include "model/weights.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::int64_t kPiecesAtOnce = 32;

// A folder beside its place that gets its name at the end, or disappears.
class NewFolder {
 public:
  static Result<NewFolder> create(const fs::path& out) {
    std::error_code error;
    if (fs::exists(out, error) && !(fs::is_directory(out, error) && fs::is_empty(out, error)))
      return fail(ErrorCode::invalid_argument,
                  "{}: already there and not an empty folder; choose another --out or remove it",
                  out.string());
    NewFolder folder;
    folder.place_ = out;
    folder.path_ = fs::path((out.has_filename() ? out : out.parent_path()).string() +
                            fmt::format(".{}.part", ::getpid()));
    if (fs::create_directories(folder.path_, error); error)
      return fail(ErrorCode::io, "{}: cannot create the folder: {}", folder.path_.string(), error.message());
    return folder;
  }
  NewFolder(NewFolder&& other) noexcept
      : place_(std::move(other.place_)), path_(std::exchange(other.path_, {})) {}
  NewFolder& operator=(NewFolder&&) = delete;
  ~NewFolder() {
    std::error_code ignored;
    if (!path_.empty()) fs::remove_all(path_, ignored);
  }

  const fs::path& path() const { return path_; }

  Status commit() {
    std::error_code error;
    if (fs::rename(path_, place_, error); error)
      return fail(ErrorCode::io, "{}: cannot give the finished folder its name: {}", place_.string(),
                  error.message());
    path_.clear();
    return {};
  }

 private:
  NewFolder() = default;
  fs::path place_, path_;
};

std::uint64_t bytes_of(const model::TensorSpec& spec) {
  std::uint64_t bytes = formats::size_of(spec.dtype);
  for (std::int64_t extent : spec.shape) bytes *= static_cast<std::uint64_t>(extent);
  return bytes;
}

struct Shard {
  std::string name;
  std::vector<model::TensorSpec> tensors;
};

std::vector<Shard> make_shards(std::vector<model::TensorSpec> specs, std::uint64_t shard_bytes) {
  std::vector<Shard> shards(1);
  std::uint64_t held = 0;
  for (model::TensorSpec& spec : specs) {
    if (held > 0 && held + bytes_of(spec) > shard_bytes) {
      shards.emplace_back();
      held = 0;
    }
    held += bytes_of(spec);
    shards.back().tensors.push_back(std::move(spec));
  }
  for (std::size_t i = 0; i < shards.size(); ++i)
    shards[i].name = shards.size() == 1
                         ? "model.safetensors"
                         : fmt::format("model-{:05}-of-{:05}.safetensors", i + 1, shards.size());
  return shards;
}

// Columns of each linear, by its name without ".weight".
std::map<std::string, std::int64_t, std::less<>> columns_of(const std::vector<model::TensorSpec>& specs) {
  std::map<std::string, std::int64_t, std::less<>> columns;
  for (const model::TensorSpec& spec : specs) {
    if (spec.shape.size() != 2) continue;
    const std::int64_t stored = spec.shape[1];
    const std::string base = spec.name.substr(0, spec.name.rfind('.'));
    if (spec.name.ends_with(".weight"))
      columns[base] = spec.dtype == formats::DType::i8 ? stored * 2 : stored;
    if (spec.name.ends_with("_fn")) columns[spec.name] = stored;
  }
  return columns;
}

Status write_text(const fs::path& file, const std::string& text) {
  std::ofstream out(file, std::ios::binary);
  if (!(out << text) || !out.flush())
    return fail(ErrorCode::io, "{}: cannot write; is the disk full?", file.string());
  return {};
}

std::string index_text(const std::vector<Shard>& shards, std::uint64_t total) {
  boost::json::object map;
  for (const Shard& shard : shards)
    for (const model::TensorSpec& spec : shard.tensors) map[spec.name] = shard.name;
  return boost::json::serialize(
             boost::json::object{{"metadata", {{"total_size", total}}}, {"weight_map", std::move(map)}}) +
         "\n";
}

Status check_space(const fs::path& folder, std::uint64_t needed) {
  std::error_code error;
  const fs::space_info space = fs::space(folder, error);
  if (!error && space.available < needed)
    return fail(
        ErrorCode::io,
        "{}: {:.1f} GB are needed, but only {:.1f} GB of disk are free; free some or choose another --out",
        folder.parent_path().string(), needed / 1e9, space.available / 1e9);
  return {};
}

class CheckpointWriter {
 public:
  CheckpointWriter(const RandomCheckpointOptions& options, const model::Config& config, os::ThreadPool& pool,
                   std::uint64_t total)
      : options_(options), config_(config), pool_(pool), total_(total) {}

  Status write(const Shard& shard, const fs::path& folder,
               const std::map<std::string, std::int64_t, std::less<>>& columns) {
    std::vector<formats::SafetensorsWriter::Declaration> declared;
    for (const model::TensorSpec& spec : shard.tensors)
      declared.push_back({spec.name, spec.dtype, spec.shape});
    FATHOM_TRY(auto writer, formats::SafetensorsWriter::create(folder / shard.name, std::move(declared),
                                                               {{"format", "pt"}}));
    for (const model::TensorSpec& spec : shard.tensors) {
      auto linear = columns.find(spec.name.substr(0, spec.name.rfind('.')));
      if (linear == columns.end()) linear = columns.find(spec.name);
      const std::int64_t fan_in = linear == columns.end() ? 0 : linear->second;
      FATHOM_TRY_STATUS(write(RandomTensor(spec, config_, fan_in, options_.seed), writer));
    }
    return writer.finish();
  }

 private:
  Status write(const RandomTensor& tensor, formats::SafetensorsWriter& writer) {
    const std::int64_t batch_bytes = kPiecesAtOnce * tensor.piece_bytes();
    for (std::int64_t begin = 0; begin < tensor.bytes(); begin += batch_bytes) {
      if (options_.cancelled && options_.cancelled())
        return fail(ErrorCode::cancelled, "interrupted; {} was not written", options_.out.string());
      const std::int64_t size = std::min(batch_bytes, tensor.bytes() - begin);
      if (static_cast<std::int64_t>(buffer_.size()) < size) buffer_.resize(static_cast<std::size_t>(size));
      const std::span<std::byte> batch(buffer_.data(), static_cast<std::size_t>(size));
      const std::int64_t pieces = (size + tensor.piece_bytes() - 1) / tensor.piece_bytes();
      pool_.run(static_cast<std::size_t>(pieces), [&](std::size_t i, int) {
        const std::size_t offset = i * static_cast<std::size_t>(tensor.piece_bytes());
        const std::size_t count =
            std::min(batch.size() - offset, static_cast<std::size_t>(tensor.piece_bytes()));
        tensor.fill(begin / tensor.piece_bytes() + static_cast<std::int64_t>(i),
                    batch.subspan(offset, count));
      });
      FATHOM_TRY_STATUS(writer.append(batch));
      done_ += static_cast<std::uint64_t>(size);
      if (options_.progress) options_.progress(done_, total_);
    }
    return {};
  }

  const RandomCheckpointOptions& options_;
  const model::Config& config_;
  os::ThreadPool& pool_;
  std::uint64_t total_;
  std::uint64_t done_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace

Result<std::uint64_t> write_random_checkpoint(const RandomCheckpointOptions& options, os::ThreadPool& pool) {
  FATHOM_TRY(const model::Config config, model::Config::parse(options.config_json, options.where));
  std::vector<model::TensorSpec> specs = model::released_tensors(config, model::make_plan(config));
  std::uint64_t total = 0;
  for (const model::TensorSpec& spec : specs) total += bytes_of(spec);

  FATHOM_TRY(NewFolder folder, NewFolder::create(options.out));
  FATHOM_TRY_STATUS(check_space(folder.path(), total + total / 100 + (1 << 20)));
  const auto columns = columns_of(specs);
  const std::vector<Shard> shards = make_shards(std::move(specs), options.shard_bytes);
  CheckpointWriter writer(options, config, pool, total);
  for (const Shard& shard : shards) FATHOM_TRY_STATUS(writer.write(shard, folder.path(), columns));
  if (shards.size() > 1)
    FATHOM_TRY_STATUS(write_text(folder.path() / "model.safetensors.index.json", index_text(shards, total)));
  FATHOM_TRY_STATUS(write_text(folder.path() / "config.json", options.config_json));
  FATHOM_TRY_STATUS(folder.commit());
  return total;
}

}  // namespace fathom::cli
