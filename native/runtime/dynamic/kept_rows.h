// The rows of a dynamic table that a rank keeps: those of the keys in its slots.
#pragma once

#include <cstdint>

#include "runtime/dynamic/numbers.h"
#include "runtime/dynamic/spec.h"
#include "runtime/memory.h"

namespace pairloom {

// Every rank has the keys of all rows, and the values of those that it keeps: each at a place in its memories, from 1 on.
// Place 0 is that of row 0.
class KeptRows {
 public:
  // Of rows below `rows`.
  KeptRows(Slots slots, uint64_t rows) : slots_(slots), places_(rows), rows_(rows) {}

  Slots slots() const { return slots_; }
  // The place of a row; 0 for one that is not kept, and for row 0.
  uint32_t place_of(uint64_t row) const { return places_[row]; }
  // The row at each place; 0 if the place is free.
  const uint32_t* rows() const { return rows_.data(); }

  // Whether the place of the next row has values of another one.
  bool reuses() const { return numbers_.reuses(); }
  // A place for a row whose key is in the slots.
  uint32_t take(uint32_t row) {
    const uint32_t place = numbers_.take();
    put(row, place);
    ++size_;
    return place;
  }
  // The row loses its place. Returns it; 0 if it had none.
  uint32_t drop(uint32_t row) {
    const uint32_t place = remove(row);
    if (place > 0) numbers_.free(place);
    return place;
  }
  // Reverts `drop` or `take`, in reverse order; then `list_free` must be called.
  void undo_drop(uint32_t row, uint32_t place) {
    if (place == 0) return;
    put(row, place);
    ++size_;
  }
  void undo_take(uint32_t row) { remove(row); }
  void list_free() {
    numbers_.list_free([this](uint32_t place) { return rows_[place] == 0; });
  }
  // A row gets another number.
  void renumber(uint32_t from, uint32_t to) {
    if (places_[from] == 0) return;
    put(to, places_[from]);
    places_[from] = 0;
  }
  // Makes the places of the rows the first ones, calls move(from, to) for each that moves, and returns the number of places.
  template <class Move>
  uint32_t compact(const Move& move) {
    const auto is_free = [this](uint32_t place) { return rows_[place] == 0; };
    numbers_.compact(size_, is_free, [&](uint32_t from, uint32_t to) {
      put(rows_[from], to);
      rows_[from] = 0;
      move(from, to);
    });
    return size_;
  }
  // Forgets all rows.
  void clear() {
    for (uint32_t place = 1; place <= numbers_.extent(); ++place) {
      places_[rows_[place]] = 0;
      rows_[place] = 0;
    }
    numbers_ = {};
    size_ = 0;
  }

 private:
  void put(uint32_t row, uint32_t place) {
    places_[row] = place;
    rows_[place] = row;
  }

  uint32_t remove(uint32_t row) {
    const uint32_t place = places_[row];
    if (place == 0) return 0;
    places_[row] = rows_[place] = 0;
    --size_;
    return place;
  }

  const Slots slots_;
  Block<uint32_t> places_, rows_;  // by row, by place
  Numbers numbers_;                // places
  uint32_t size_ = 0;
};

}  // namespace pairloom
