// Large aligned memory, for arenas of the executor, parameters and tables.
#pragma once

#include <cstddef>
#include <utility>

namespace pairloom {

// Zeroed, at least 64-byte aligned. Large blocks are advised to use huge pages, which reduces TLB misses of random row
// reads; what is not touched takes no memory. `bytes` 0 gives a valid block. `used`: how many bytes will be touched, for
// systems that promise no more memory than there is. Throws Error if the system refuses.
void* allocate_block(size_t bytes, size_t used);
void free_block(void* block, size_t bytes);
// Gives whole pages within these bytes of a large block back to the system; their contents are lost.
void release_block(void* begin, size_t bytes);

// An array that owns such a block. Like a pointer, a constant one has elements that can be written to.
template <class T>
class Block {
 public:
  Block() = default;
  explicit Block(size_t count) : Block(count, count) {}
  Block(size_t count, size_t used)
      : data_(static_cast<T*>(allocate_block(count * sizeof(T), used * sizeof(T)))), count_(count) {}
  ~Block() { free_block(data_, count_ * sizeof(T)); }
  Block(Block&& other) noexcept { *this = std::move(other); }
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t index) const { return data_[index]; }
  // Gives the memory of the elements from `first` on back; they are zeros again, or as they were.
  void release(size_t first) { release_block(data_ + first, (count_ - first) * sizeof(T)); }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

using Arena = Block<float>;

}  // namespace pairloom
