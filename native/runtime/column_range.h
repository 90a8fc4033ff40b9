// Some of the numbers of a table's rows.
#pragma once

#include <cstdint>

namespace pairloom {

// The columns [begin, end) of rows of `width` numbers.
struct ColumnRange {
  uint64_t begin, end, width;

  constexpr uint64_t size() const { return end - begin; }
};

}  // namespace pairloom
