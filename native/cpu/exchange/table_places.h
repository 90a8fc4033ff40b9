// By what ranks ask each other for rows of a table.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "runtime/dynamic/kept_rows.h"
#include "runtime/translation.h"

namespace pairloom {

// The places of a table's rows: those of an owner follow one another, and owners of other columns have the same ones. In a
// dynamic table they are the rows of all keys, once for each rank, and a row has the place of its key's first owner.
class TablePlaces {
 public:
  // `keyed`: the names and the kept rows of a dynamic table, else null.
  TablePlaces(const Shard& shard, uint32_t ranks, const RowNames* keyed, const KeptRows* kept)
      : shard_(shard), keyed_(keyed), kept_(kept), own_rows_(keyed ? shard.map.rows : shard.rows()),
        count_(keyed ? ranks * shard.map.rows : shard.map.rows) {
    for (uint32_t rank = 0; rank < ranks; ++rank) {
      std::fill(owners_.begin() + shard.map.begin_slot(rank), owners_.begin() + shard.map.end_slot(rank),
                shard.map.first_of_share(rank));
    }
  }

  uint64_t count() const { return count_; }
  uint64_t begin(uint32_t owner) const {
    return keyed_ ? shard_.map.first_of_share(owner) * shard_.map.rows : shard_.map.begin(owner);
  }
  uint64_t end(uint32_t owner) const { return begin(owner) + (keyed_ ? shard_.map.rows : shard_.map.owned_by(owner)); }
  uint64_t of(uint64_t row) const {
    return keyed_ ? owners_[keyed_->keys[row] % kTableSlots] * shard_.map.rows + row : shard_.map.place_of(row);
  }

  // Rows in this rank's memory; those of a dynamic table take memory when keys get them.
  uint64_t own_rows() const { return own_rows_; }
  // Turns places, counted from this rank's first one, into rows of its memory. If it does not have all of them, it returns
  // false, and all are row 0.
  bool find_own(std::span<uint64_t> places) const {
    bool found = true;
    for (uint64_t& place : places) {
      const std::optional<uint64_t> row = own_row(place);
      found &= row.has_value();
      place = row.value_or(0);
    }
    if (!found) std::fill(places.begin(), places.end(), 0);
    return found;
  }
  // The row of this rank's memory at a place, counted from its first one.
  std::optional<uint64_t> own_row(uint64_t place) const {
    if (place >= own_rows_) return std::nullopt;
    if (!keyed_) return place;
    const uint64_t row = kept_->place_of(place);
    const bool is_own = row > 0 || (place == 0 && kept_->slots().have(0));
    return is_own ? std::optional(row) : std::nullopt;
  }

 private:
  const Shard shard_;
  const RowNames* const keyed_;
  const KeptRows* const kept_;
  const uint64_t own_rows_, count_;
  std::array<uint32_t, kTableSlots> owners_;  // by slot
};

}  // namespace pairloom
