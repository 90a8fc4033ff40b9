// Sorts table rows that occur in a batch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

// Sorts keys (row << 32 | order) by row; equal rows stay in order. `orders` must ascend in the input. Rows are below
// `row_limit`; `spare` has room for `count` keys. Returns where the sorted keys are: `keys` or `spare`.
uint64_t* sort_by_row(uint64_t* keys, uint64_t* spare, size_t count, uint64_t row_limit);

// The row that a key sorts by, its upper half.
inline uint32_t row_of(uint64_t key) { return uint32_t(key >> 32); }

// Past the last of the sorted keys [key, end) that have the first one's row.
inline const uint64_t* end_of_row(const uint64_t* key, const uint64_t* end) {
  const uint64_t* next = key + 1;
  while (next < end && row_of(*next) == row_of(*key)) ++next;
  return next;
}

}  // namespace pairloom
