// The memory that a thread needs to update tables. It grows to the largest batch and is then used again and again.
#pragma once

#include <cstdint>
#include <vector>

namespace pairloom {

// One occurrence of a row: scale * grad is added to the row's gradient.
struct TableTerm {
  const float* grad;
  float scale;
};

struct TableScratch {
  std::vector<uint64_t> keys, spare;  // row << 32 | index of its term
  std::vector<TableTerm> terms;
  std::vector<float> sum, zeros;
};

}  // namespace pairloom
