// The entries of a sequence in the rows of a step, and memory for their values: of the batch, and of the rows of a tile.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/memory.h"

namespace pairloom {

// Lines of buffers begin on cache lines.
inline size_t lines_for(size_t entries) { return (entries + 15) / 16 * 16; }

class SequenceEntries {
 public:
  // `width`: elements, per entry, of all buffers that the whole batch has.
  explicit SequenceEntries(size_t width) : width_(width) {}

  // Begins a step: `before` has, for each row from `first_row` on and for the end, the number of entries before it.
  void begin(uint32_t first_row, std::vector<uint32_t>& before) {
    first_row_ = first_row;
    before_.swap(before);
    if (before_.back() <= capacity_) return;
    capacity_ = lines_for(size_t{before_.back()} * 5 / 4);
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

// A thread's memory for the entries in the rows of its tile. It grows to the largest tile, whatever the size of the batch is.
class TileEntries {
 public:
  // `width`: elements, per entry, of all buffers.
  explicit TileEntries(size_t width) : width_(width) {}

  // Begins a tile, with `count` entries from `first` on.
  void begin(uint32_t first, uint32_t count) {
    first_ = first;
    lines_ = lines_for(count);
    if (lines_ * width_ <= memory_.size()) return;
    memory_ = Arena();
    memory_ = Arena(lines_for(size_t{count} * 5 / 4) * width_);
  }

  // Floats of memory.
  size_t size() const { return memory_.size(); }
  // The line of an entry of the batch, in the buffer at an offset, of lines that are `stride` apart.
  float* line(size_t offset, size_t stride, uint32_t entry) const {
    return memory_.data() + offset * lines_ + size_t{entry - first_} * stride;
  }

 private:
  size_t width_, lines_ = 0;
  uint32_t first_ = 0;
  Arena memory_;
};

}  // namespace pairloom
