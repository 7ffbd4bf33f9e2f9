#include "cache/disk_store.h"

#include <fmt/format.h>

#include <algorithm>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <optional>
#include <set>
#include <thread>

namespace fathom::cache {
namespace fs = std::filesystem;

namespace {

using FileId = std::pair<FileKind, Hash128>;

std::string file_name(FileKind kind, const Hash128& name) {
  return to_hex(name) + (kind == FileKind::block ? ".block" : ".state");
}

struct Task {
  FileId id;
  std::optional<FileHeader> header;             // absent: remove the file
  std::shared_ptr<const model::Bytes> payload;  // of what is to be written
};

}  // namespace

struct DiskStore::Impl {
  fs::path path_of(const FileId& id) const { return folder / file_name(id.first, id.second); }
  void write_all();
  void carry_out(const Task& task);
  void add(Task task);

  fs::path folder;
  Hash128 model;
  Log log;

  mutable std::mutex mutex;  // of what follows
  std::condition_variable changed;
  std::deque<Task> queue;
  std::int64_t queued_bytes = 0;
  bool is_busy = false, stopping = false;
  std::set<Hash128> blocks;  // that are there
  std::vector<FileId> failures;
  std::string last_problem;
  std::thread writer;
};

void DiskStore::Impl::add(Task task) {
  const std::lock_guard lock(mutex);
  if (task.payload) queued_bytes += static_cast<std::int64_t>(task.payload->size());
  queue.push_back(std::move(task));
  changed.notify_all();
}

void DiskStore::Impl::write_all() {
  std::unique_lock lock(mutex);
  for (;;) {
    changed.wait(lock, [&] { return stopping || !queue.empty(); });
    if (queue.empty()) return;
    const Task task = std::move(queue.front());
    queue.pop_front();
    is_busy = true;
    lock.unlock();
    carry_out(task);
    lock.lock();
    is_busy = false;
    if (task.payload) queued_bytes -= static_cast<std::int64_t>(task.payload->size());
    if (queue.empty()) changed.notify_all();
  }
}

void DiskStore::Impl::carry_out(const Task& task) {
  const fs::path path = path_of(task.id);
  if (!task.header) {
    std::error_code ignored;
    fs::remove(path, ignored);
    const std::lock_guard lock(mutex);
    if (task.id.first == FileKind::block) blocks.erase(task.id.second);
    return;
  }
  const FileHeader& header = *task.header;
  const std::int64_t before = header.begin;
  {
    const std::lock_guard lock(mutex);
    if (before > 0 && !blocks.contains(header.parent)) {
      failures.push_back(task.id);
      return;
    }
  }
  const Status written = write_cache_file(path, header, *task.payload);
  const std::lock_guard lock(mutex);
  if (written) {
    if (header.kind == FileKind::block) blocks.insert(header.name);
    last_problem.clear();
    return;
  }
  failures.push_back(task.id);
  // A full disk fails every write; once is enough to say so.
  const std::string problem = written.error().message.substr(written.error().message.find(": ") + 1);
  if (problem != last_problem && log) log(fmt::format("disk cache: {}; goes on without this file", written.error().message));
  last_problem = problem;
}

DiskStore::DiskStore(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<std::unique_ptr<DiskStore>> DiskStore::open(const fs::path& folder, const Hash128& model, Log log) {
  auto impl = std::make_unique<Impl>();
  impl->folder = folder / to_hex(model);
  impl->model = model;
  impl->log = std::move(log);
  std::error_code error;
  fs::create_directories(impl->folder, error);
  if (error)
    return fail(ErrorCode::io, "{}: the folder of the disk cache cannot be made: {}; give another with --cache-dir",
                impl->folder.string(), error.message());
  try {
    impl->writer = std::thread([i = impl.get()] { i->write_all(); });
  } catch (const std::system_error& e) {
    return fail(ErrorCode::io, "cannot start the thread that writes the disk cache: {}", e.what());
  }
  return std::unique_ptr<DiskStore>(new DiskStore(std::move(impl)));
}

DiskStore::~DiskStore() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stopping = true;
    impl_->changed.notify_all();
  }
  impl_->writer.join();
}

std::vector<FileHeader> DiskStore::scan() {
  std::vector<std::pair<fs::file_time_type, FileHeader>> good;
  std::error_code error;
  for (fs::directory_iterator entry(impl_->folder, error), end; !error && entry != end; entry.increment(error)) {
    const fs::path path = entry->path();
    auto header = read_cache_header(path);
    std::string problem;
    if (!header) {
      problem = header.error().message;
    } else if (header->model != impl_->model || path.filename() != file_name(header->kind, header->name) ||
               header->name != name_of(header->parent, header->tokens)) {
      problem = fmt::format("{}: it belongs elsewhere; this cache file is not used", path.string());
    }
    if (problem.empty()) {
      if (header->kind == FileKind::block) impl_->blocks.insert(header->name);
      std::error_code ignored;
      good.emplace_back(fs::last_write_time(path, ignored), *std::move(header));
      continue;
    }
    if (impl_->log) impl_->log(fmt::format("disk cache: {} and removed", problem));
    std::error_code ignored;
    fs::remove(path, ignored);
  }
  std::stable_sort(good.begin(), good.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  std::vector<FileHeader> headers;
  for (auto& [time, header] : good) headers.push_back(std::move(header));
  return headers;
}

Result<model::Bytes> DiskStore::load(const FileHeader& header) {
  const fs::path path = impl_->path_of({header.kind, header.name});
  auto payload = read_cache_payload(path, header);
  if (!payload) {
    if (impl_->log) impl_->log(fmt::format("disk cache: {}", payload.error().message));
    remove(header.kind, header.name);
  }
  return payload;
}

void DiskStore::save(FileHeader header, std::shared_ptr<const model::Bytes> payload) {
  const FileId id{header.kind, header.name};
  impl_->add({id, std::move(header), std::move(payload)});
}

void DiskStore::remove(FileKind kind, const Hash128& name) { impl_->add({{kind, name}, {}, {}}); }

void DiskStore::touch(FileKind kind, const Hash128& name) {
  std::error_code ignored;
  fs::last_write_time(impl_->path_of({kind, name}), fs::file_time_type::clock::now(), ignored);
}

std::vector<std::pair<FileKind, Hash128>> DiskStore::take_failures() {
  const std::lock_guard lock(impl_->mutex);
  return std::exchange(impl_->failures, {});
}

std::int64_t DiskStore::queued_bytes() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->queued_bytes;
}

void DiskStore::flush() {
  std::unique_lock lock(impl_->mutex);
  impl_->changed.wait(lock, [&] { return impl_->queue.empty() && !impl_->is_busy; });
}

std::int64_t DiskStore::file_bytes(const FileHeader& header) {
  return 136 + static_cast<std::int64_t>(header.tokens.size() * sizeof(std::int32_t) + header.payload_bytes);
}

}  // namespace fathom::cache
