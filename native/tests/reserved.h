// Memory of tables that are larger than the machine's memory.
#pragma once

#include <span>

#include "platform/pages.h"
#include "tests/test.h"

namespace pairloom::test {

// Zeros that take no memory until they are written to.
class Reserved {
 public:
  explicit Reserved(size_t floats) : bytes_(floats * sizeof(float)) {
    data_ = map_pages(bytes_, false);
    CHECK(data_ != nullptr);
  }
  Reserved(const Reserved&) = delete;
  ~Reserved() { unmap_pages(data_, bytes_); }
  std::span<float> span() const { return {static_cast<float*>(data_), bytes_ / sizeof(float)}; }

 private:
  void* data_;
  size_t bytes_;
};

}  // namespace pairloom::test
