// Large aligned memory, for arenas of the executor and arrays given to JavaScript.
#pragma once

#include <cstddef>
#include <utility>

namespace pairloom {

// Zeroed, at least 64-byte aligned. Large blocks are advised to use huge pages, which reduces TLB misses of random row
// reads. Null if the system refuses. `bytes` 0 gives a valid block.
void* allocate_block(size_t bytes);
void free_block(void* block, size_t bytes);
// Gives whole pages within these bytes of a large block back to the system; their contents are lost.
void release_block(void* begin, size_t bytes);

// An array of floats that owns such a block; throws Error if memory is insufficient.
class Arena {
 public:
  Arena() = default;
  explicit Arena(size_t floats);
  ~Arena() { free_block(data_, bytes_); }
  Arena(Arena&& other) noexcept { *this = std::move(other); }
  Arena& operator=(Arena&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(bytes_, other.bytes_);
    return *this;
  }

  float* data() const { return static_cast<float*>(data_); }

 private:
  void* data_ = nullptr;
  size_t bytes_ = 0;
};

}  // namespace pairloom
