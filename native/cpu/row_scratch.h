// The memory that a thread needs to update tables and to sort sessions. It grows to the largest batch and is then used
// again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace pairloom {

// One occurrence of a row: scale * grad is added to the row's gradient, with the others of its accumulation group first.
struct TableTerm {
  const float* grad;
  float scale;
  uint32_t group;
};

// Sums of groups that wait for others on the way up the tree, at most one a level; groups are below 2^16.
constexpr size_t kMostWaiting = 17;

struct TableScratch {
  std::vector<uint64_t> keys, spare;  // row << 32 | index of its term
  std::vector<TableTerm> terms;
  std::vector<float> sums, zeros;  // sums: kMostWaiting rows
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
