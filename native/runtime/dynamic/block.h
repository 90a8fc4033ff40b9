// Zeroed arrays of one number per row of a table. What is not touched takes no memory.
#pragma once

#include <cstdint>
#include <new>
#include <utility>

#include "runtime/memory.h"

namespace pairloom {

template <class T>
class Block {
 public:
  Block() = default;
  explicit Block(size_t count) : data_(static_cast<T*>(allocate_block(count * sizeof(T)))), count_(count) {
    if (data_ == nullptr) throw std::bad_alloc();
  }
  ~Block() { free_block(data_, count_ * sizeof(T)); }
  Block(Block&& other) noexcept { *this = std::move(other); }
  Block& operator=(Block&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(count_, other.count_);
    return *this;
  }

  T* data() { return data_; }
  const T* data() const { return data_; }
  size_t size() const { return count_; }
  T& operator[](size_t index) { return data_[index]; }
  const T& operator[](size_t index) const { return data_[index]; }
  // Gives the memory of the elements from `first` on back; they are zeros again, or as they were.
  void release(size_t first) { release_block(data_ + first, (count_ - first) * sizeof(T)); }

 private:
  T* data_ = nullptr;
  size_t count_ = 0;
};

}  // namespace pairloom
