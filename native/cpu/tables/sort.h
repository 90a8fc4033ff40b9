// Sorts table rows that occur in a batch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

// Sorts keys (row << 32 | order) by row; equal rows stay in order. `orders` must ascend in the input. Rows are below
// `row_limit`; `spare` has room for `count` keys. Returns the array with the sorted keys: `keys` or `spare`.
uint64_t* sort_by_row(uint64_t* keys, uint64_t* spare, size_t count, uint64_t row_limit);

// The row in a key's upper half, by which keys are sorted, and its order.
inline uint32_t row_of(uint64_t key) { return uint32_t(key >> 32); }
inline uint32_t order_of(uint64_t key) { return uint32_t(key); }
inline void set_key(uint64_t& key, uint64_t row, uint32_t order) { key = row << 32 | order; }

// The same for tables of 2^32 rows or more.
struct WideKey {
  uint64_t row;
  uint32_t order;
};
WideKey* sort_by_row(WideKey* keys, WideKey* spare, size_t count, uint64_t row_limit);
inline uint64_t row_of(const WideKey& key) { return key.row; }
inline uint32_t order_of(const WideKey& key) { return key.order; }
inline void set_key(WideKey& key, uint64_t row, uint32_t order) { key = {row, order}; }

// The end of the keys in [key, end) that have the first one's row.
template <class Key>
const Key* end_of_row(const Key* key, const Key* end) {
  const Key* next = key + 1;
  while (next < end && row_of(*next) == row_of(*key)) ++next;
  return next;
}

}  // namespace pairloom
