// The memory that a thread needs to update tables and to sort sessions. It grows to the largest batch and is then used
// again and again.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <vector>

#include "cpu/kernels/kernels.h"
#include "cpu/tables/sort.h"

namespace pairloom {

// One occurrence of a row: scale * grad is added to the row's gradient, with the others of its accumulation group
// first.
struct TableTerm {
  const float* grad;
  float scale;
  uint32_t group;
};

// The sum of a row, to be added in the order of names.
struct NamedSum {
  uint64_t name;
  double sum;
};

template <class Key>
struct SortKeys {
  std::vector<Key> keys, spare;
};

struct TableScratch {
  SortKeys<uint64_t> narrow;  // row << 32 | index of its term
  SortKeys<WideKey> wide;
  std::vector<TableTerm> terms;
  std::vector<TreeTerm> row_terms;  // the terms of one row
  std::vector<float> sum, zeros;
  std::vector<NamedSum> named_sums;
  std::vector<float> widened;  // rows of a table of 16-bit numbers, while they are updated
  std::vector<float> whole;    // a row of which this rank has some columns, and its states

  template <class Key>
  SortKeys<Key>& keys_for() {
    if constexpr (std::is_same_v<Key, WideKey>) return wide;
    else return narrow;
  }

  // Room for as many keys and terms.
  template <class Key>
  void hold(size_t count) {
    auto& [keys, spare] = keys_for<Key>();
    if (keys.size() < count) {
      keys.resize(count);
      spare.resize(count);
    }
    if (terms.size() < count) {
      terms.resize(count);
      row_terms.resize(count);
    }
  }
};

}  // namespace pairloom
