// Memory of a forward pass that is kept between passes: buffers only grow.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

namespace fathom::model {

// Uninitialised memory on 64-byte lines. get(n) keeps nothing of the former contents when it has to grow.
// Thread safety: none; one owner.
template <class T>
class Buffer {
 public:
  T* get(std::int64_t count) {
    if (count > capacity_) {
      data_.reset();
      capacity_ = count + count / 4;
      data_.reset(static_cast<T*>(::operator new(static_cast<std::size_t>(capacity_) * sizeof(T), std::align_val_t{64})));
    }
    return data_.get();
  }
  T* data() { return data_.get(); }
  const T* data() const { return data_.get(); }

 private:
  struct Delete {
    void operator()(T* p) const { ::operator delete(p, std::align_val_t{64}); }
  };
  std::unique_ptr<T[], Delete> data_;
  std::int64_t capacity_ = 0;
};

// One scratch area per worker of the thread pool; a chunk uses only its own worker's.
class Scratch {
 public:
  explicit Scratch(int workers) : areas_(static_cast<std::size_t>(workers)) {}
  std::byte* get(int worker, std::int64_t bytes) { return areas_[static_cast<std::size_t>(worker)].get(bytes); }

 private:
  struct alignas(64) Area : Buffer<std::byte> {};  // a cache line each: workers grow them at once
  std::vector<Area> areas_;
};

}  // namespace fathom::model
