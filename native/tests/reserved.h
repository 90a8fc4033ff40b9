// Memory of tables that are larger than the machine's memory.
#pragma once

#include <span>

#include <sys/mman.h>

#include "tests/test.h"

namespace pairloom::test {

// Zeros that take no memory until they are written to.
class Reserved {
 public:
  explicit Reserved(size_t floats) : bytes_(floats * sizeof(float)) {
    data_ = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    CHECK(data_ != MAP_FAILED);
  }
  Reserved(const Reserved&) = delete;
  ~Reserved() { munmap(data_, bytes_); }
  std::span<float> span() const { return {static_cast<float*>(data_), bytes_ / sizeof(float)}; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace pairloom::test
