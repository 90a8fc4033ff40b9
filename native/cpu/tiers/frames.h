// Which rows of a table are in which frames of memory, and which frame the next row takes.
#pragma once

#include <span>

#include "runtime/dynamic/key_index.h"
#include "runtime/translation.h"

namespace pairloom {

class Frames {
 public:
  // `keyed`: the rows belong to the keys of a dynamic table, but for row 0, which is in frame 0 and stays there. `named`:
  // rows have other names than their numbers.
  Frames(size_t count, bool keyed, bool named);

  size_t size() const { return used_.size(); }
  // The names of the rows in the frames. Stays valid.
  const RowNames& names() const { return names_; }
  void set_trains_unknown(bool trains) { names_.trains_unknown = trains; }

  // The frame of a row, plus one; 0 if it is in none.
  uint32_t find(uint64_t row) const { return index_.find(row); }
  void find(std::span<const uint64_t> rows, std::span<uint64_t> found) const { index_.find(rows, found); }
  bool is_empty(uint32_t frame) const { return row_of(frame) == kNone; }
  uint64_t row_of(uint32_t frame) const { return rows_[size_t{frame} + 1]; }
  // Whether the row has other values than its record in the file.
  bool is_dirty(uint32_t frame) const { return (flags_[frame] & kDirty) != 0; }
  void set_dirty(uint32_t frame) { flags_[frame] |= kDirty; }
  // Whether the row's numbers are still being read.
  bool is_loading(uint32_t frame) const { return (flags_[frame] & kLoading) != 0; }
  void set_loading(uint32_t frame, bool loading) { flags_[frame] = uint8_t((flags_[frame] & ~kLoading) | (loading ? kLoading : 0)); }

  // A step uses a row; false if it is known that it does, or that a later one does.
  bool use(uint32_t frame, uint32_t step);
  // The next frame that is empty, or whose row may leave it; false if `step` and later ones use all.
  bool take(uint32_t step, uint32_t& frame);
  // The next frame, if it is empty.
  bool take_empty(uint32_t& frame);
  // Puts a row in an empty frame.
  void put(uint32_t frame, uint64_t row, uint64_t name, uint32_t step);
  void empty(uint32_t frame);

 private:
  static constexpr uint64_t kNone = ~uint64_t{0};  // the row of an empty frame
  static constexpr uint8_t kMostHeat = 3, kDirty = 1, kLoading = 2;

  uint32_t advance();

  Block<uint64_t> rows_;  // by frame + 1
  Block<uint64_t> keys_;  // by frame, where rows have names
  Block<uint32_t> used_;  // by frame: the last step that uses it
  Block<uint8_t> heat_, flags_;
  KeyIndex index_;
  RowNames names_;
  uint32_t hand_ = 0;
};

}  // namespace pairloom
