// Which rank owns which rows and columns of a table.
#pragma once

#include <algorithm>
#include <cstdint>
#include <vector>

#include "runtime/column_range.h"
#include "runtime/table_layout.h"

namespace pairloom {

// The slots of a table are divided into `owners` shares, in order, and the rows of a share among `columns` ranks, which
// follow one another: each has some columns. The first share is that of the ranks `turn` shares after the first, so the
// frequent rows of all tables do not belong to one rank. A rank keeps its rows in the order of their places: slot by slot,
// and within a slot by row. So what a rank owns is one range of places, and of columns. `starts` has the first slot of each
// share, where shares are not equal: the first is 0, and they ascend; equal ones are shares without slots.
struct SlotMap {
  uint64_t rows;  // of the whole table
  uint32_t first_rank, owners, turn = 0, columns = 1;
  std::vector<uint32_t> starts{};

  uint64_t place_of(uint64_t row) const { return begin_of_slot(row % kTableSlots) + row / kTableSlots; }
  uint64_t row_at(uint64_t place) const {
    const uint64_t most = rows / kTableSlots + 1, of_long_slots = rows % kTableSlots * most;
    if (place < of_long_slots) return place % most * kTableSlots + place / most;
    const uint64_t rest = place - of_long_slots, slot = rows % kTableSlots + rest / (most - 1);
    return rest % (most - 1) * kTableSlots + slot;
  }

  // A rank owns the slots [begin_slot(rank), end_slot(rank)) and the places [begin(rank), end(rank)).
  uint32_t begin_slot(uint32_t rank) const { return owns(rank) ? slot_of_share(share_of(rank)) : 0; }
  uint32_t end_slot(uint32_t rank) const { return owns(rank) ? slot_of_share(share_of(rank) + 1) : 0; }
  uint64_t begin(uint32_t rank) const { return begin_of_slot(begin_slot(rank)); }
  uint64_t end(uint32_t rank) const { return begin_of_slot(end_slot(rank)); }
  uint64_t owned_by(uint32_t rank) const { return end(rank) - begin(rank); }
  // Whole fours of the numbers of a row, but for the last ones. A rank without rows has all columns; and where there is one
  // number for each row, such as a state, all ranks of a share have it.
  ColumnRange columns_of(uint32_t rank, uint64_t width) const {
    if (!owns(rank) || width == 1) return {0, width, width};
    return {first_column(part_of(rank), width), first_column(part_of(rank) + 1, width), width};
  }
  // Of the ranks that have the same rows.
  uint32_t first_of_share(uint32_t rank) const { return owns(rank) ? rank - part_of(rank) : rank; }

 private:
  bool owns(uint32_t rank) const { return rank >= first_rank && rank - first_rank < uint64_t{owners} * columns; }
  uint64_t share_of(uint32_t rank) const { return ((rank - first_rank) / columns + owners - turn % owners) % owners; }
  uint32_t part_of(uint32_t rank) const { return (rank - first_rank) % columns; }
  uint64_t first_column(uint64_t part, uint64_t width) const {
    return std::min(width, part * ((width + 3) / 4) / columns * 4);
  }
  uint32_t slot_of_share(uint64_t share) const {
    if (starts.empty()) return uint32_t(share * kTableSlots / owners);
    return share < owners ? starts[share] : kTableSlots;
  }
  uint64_t begin_of_slot(uint64_t slot) const {
    return slot * (rows / kTableSlots) + std::min(slot, rows % kTableSlots);
  }
};

// The rows of one rank.
struct Shard {
  SlotMap map;
  uint32_t rank;

  uint64_t rows() const { return map.owned_by(rank); }
  uint64_t name_of(uint64_t row) const { return map.row_at(map.begin(rank) + row); }
};

}  // namespace pairloom
