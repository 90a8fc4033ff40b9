// The entries of a sequence in the rows of a step, and the memory for their values.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/memory.h"

namespace pairloom {

class SequenceEntries {
 public:
  // `width`: elements of all buffers per entry.
  explicit SequenceEntries(size_t width) : width_(width) {}

  // Begins a step: `before` has, for each row from `first_row` on and for the end, the number of entries before it.
  void begin(uint32_t first_row, std::vector<uint32_t>& before) {
    first_row_ = first_row;
    before_.swap(before);
    if (before_.back() <= capacity_) return;
    // Offsets of buffers are multiples of the capacity, so that they stay on cache lines.
    capacity_ = (size_t{before_.back()} * 5 / 4 + 15) / 16 * 16;
    memory_ = Arena();
    memory_ = Arena(capacity_ * width_);
  }

  uint32_t before(uint32_t row) const { return before_[row - first_row_]; }
  uint32_t count(uint32_t row) const { return before(row + 1) - before(row); }
  // The row of an entry.
  uint32_t row_of(uint32_t entry) const {
    const auto next = std::upper_bound(before_.begin(), before_.end(), entry);
    return first_row_ + uint32_t(next - before_.begin()) - 1;
  }
  // The buffer at an offset, of one line per entry.
  float* buffer(size_t offset) const { return memory_.data() + offset * capacity_; }

 private:
  size_t width_, capacity_ = 0;
  uint32_t first_row_ = 0;
  std::vector<uint32_t> before_;
  Arena memory_;
};

}  // namespace pairloom
