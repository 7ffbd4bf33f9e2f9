// Writes a checkpoint of random weights in the released layout and dtypes: what `fathom synth` makes.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "os/thread_pool.h"

namespace fathom::cli {

struct RandomCheckpointOptions {
  std::string config_json;    // goes into the folder as it is
  std::string where;          // names the config in errors
  std::filesystem::path out;  // must not exist, or be an empty folder
  std::uint64_t seed = 0;
  std::uint64_t shard_bytes =
      2'000'000'000;  // tensors go into shards of about this size; one shard needs no index
  std::function<void(std::uint64_t done, std::uint64_t total)> progress;
  std::function<bool()> cancelled;
};

// The folder appears under its name only when it is complete. The bytes depend on the config and the seed
// alone. Returns the bytes of all tensors. Errors: a bad config, `out` in use, not enough disk space (with
// the amount), io, cancelled.
Result<std::uint64_t> write_random_checkpoint(const RandomCheckpointOptions& options, os::ThreadPool& pool);

}  // namespace fathom::cli
