// The memory that a thread needs to update tables and to sort sessions. It grows to the largest batch and is then used
// again and again.
#pragma once

#include <cstddef>
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
  std::vector<float> widened;  // rows of a table of 16-bit numbers, while they are updated

  // Room for as many keys and terms.
  void hold(size_t count) {
    if (keys.size() >= count) return;
    keys.resize(count);
    spare.resize(count);
    terms.resize(count);
  }
};

}  // namespace pairloom
