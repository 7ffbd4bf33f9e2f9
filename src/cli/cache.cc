// `fathom cache`: what the disk cache holds.
#include <fmt/format.h>

#include <CLI/App.hpp>
#include <chrono>
#include <filesystem>
#include <map>
#include <memory>

#include "cache/cache_folder.h"
#include "cli/cache_place.h"
#include "cli/verb.h"

namespace fathom::cli {
namespace fs = std::filesystem;
namespace {

using cache::CacheEntry;
using cache::FileKind;

std::string size_text(std::int64_t bytes) {
  if (bytes < 10'000'000) return fmt::format("{:.1f} kB", static_cast<double>(bytes) / 1e3);
  if (bytes < 10'000'000'000) return fmt::format("{:.1f} MB", static_cast<double>(bytes) / 1e6);
  return fmt::format("{:.1f} GB", static_cast<double>(bytes) / 1e9);
}

std::string age_text(fs::file_time_type used) {
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(fs::file_time_type::clock::now() - used).count();
  if (seconds < 120) return fmt::format("{} s ago", seconds);
  if (seconds < 7200) return fmt::format("{} min ago", seconds / 60);
  if (seconds < 172'800) return fmt::format("{} h ago", seconds / 3600);
  return fmt::format("{} days ago", seconds / 86'400);
}

std::int64_t bytes_of(const CacheEntry& entry) {
  std::error_code ignored;
  const auto size = fs::file_size(entry.path, ignored);
  return ignored ? 0 : static_cast<std::int64_t>(size);
}

std::int64_t length_of(const CacheEntry& entry) {
  return entry.header.begin + static_cast<std::int64_t>(entry.header.tokens.size());
}

struct Total {
  std::int64_t states = 0, blocks = 0, bytes = 0, longest = 0;
};

Status list(const fs::path& folder) {
  FATHOM_TRY(const cache::CacheFolder found, cache::read_cache_folder(folder));
  std::map<std::string, Total> models;
  for (const CacheEntry& entry : found.entries) {
    Total& total = models[cache::to_hex(entry.header.model)];
    (entry.header.kind == FileKind::block ? total.blocks : total.states) += 1;
    total.bytes += bytes_of(entry);
    total.longest = std::max(total.longest, length_of(entry));
  }
  fmt::print("{:<32}  {:>7}  {:>7}  {:>10}  {:>12}\n", "model and numerics", "states", "blocks", "size", "longest");
  for (const auto& [name, total] : models)
    fmt::print("{:<32}  {:>7}  {:>7}  {:>10}  {:>5} tokens\n", name, total.states, total.blocks, size_text(total.bytes), total.longest);
  if (models.empty()) fmt::print("nothing is kept here\n");
  for (const std::string& problem : found.broken) fmt::print("broken: {}\n", problem);
  return {};
}

Status inspect(const fs::path& folder) {
  FATHOM_TRY(const cache::CacheFolder found, cache::read_cache_folder(folder));
  fmt::print("{:<32}  {:<32}  {:>9}  {:>10}  {}\n", "prefix", "owner", "tokens", "size", "used");
  for (const CacheEntry& entry : found.entries) {
    if (entry.header.kind != FileKind::state) continue;
    fmt::print("{:<32}  {:<32}  {:>9}  {:>10}  {}\n", cache::to_hex(entry.header.name), cache::to_hex(entry.header.owner),
               length_of(entry), size_text(bytes_of(entry)), age_text(entry.used));
  }
  for (const std::string& problem : found.broken) fmt::print("broken: {}\n", problem);
  return {};
}

Status clear(const fs::path& folder) {
  FATHOM_TRY(const std::int64_t bytes, cache::clear_cache_folder(folder));
  fmt::print("removed {}\n", size_text(bytes));
  return {};
}

}  // namespace

Verb add_cache(CLI::App& program) {
  CLI::App* app = program.add_subcommand("cache", "What the disk cache of 'fathom serve' holds");
  auto folder = std::make_shared<fs::path>(default_cache_folder());
  auto action = std::make_shared<Status (*)(const fs::path&)>(nullptr);
  const auto add = [&](const char* name, const char* what, Status (*run)(const fs::path&)) {
    CLI::App* one = app->add_subcommand(name, what);
    one->add_option("DIR", *folder, fmt::format("The folder that 'fathom serve' got with --cache-dir (default: {})", folder->string()));
    one->callback([action, run] { *action = run; });
  };
  add("ls", "Models and how much is kept for each", list);
  add("inspect", "Every prefix that an answer can go on from", inspect);
  add("clear", "Remove all of it", clear);
  app->require_subcommand(1);
  app->footer("A server that runs may use the folder meanwhile.\n\nExample: fathom cache ls\n");
  return {app, [folder, action] { return (*action)(*folder); }};
}

}  // namespace fathom::cli
