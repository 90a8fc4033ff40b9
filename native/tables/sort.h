// Sorts table rows that occur in a batch.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

// Sorts keys (row << 32 | order) by row; equal rows stay in order. `orders` must ascend in the input. Rows are below
// `row_limit`; `spare` has room for `count` keys. Returns where the sorted keys are: `keys` or `spare`.
uint64_t* sort_by_row(uint64_t* keys, uint64_t* spare, size_t count, uint64_t row_limit);

}  // namespace pairloom
