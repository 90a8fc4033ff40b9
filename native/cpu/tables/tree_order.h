// The order in which the sums of accumulation groups are added along their tree.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "cpu/kernels/kernels.h"

namespace pairloom {

// The level of the tree at which two groups meet.
inline int meeting_level(uint32_t a, uint32_t b) { return std::bit_width(a ^ b); }

// Sums in ascending order of their groups, on their way along the tree of all groups. A sum of a whole node stands for
// its first group. Groups without a sum pass the others through.
class TreeOrder {
 public:
  // TreeTerm::folds of a term that belongs to `group`.
  int32_t folds_before(uint32_t group) {
    if (sums_ > 0 && group == last_) return TreeTerm::kSameSum;
    int32_t folds = 0;
    for (; sums_ > 1 && meeting_level(first_[sums_ - 2], first_[sums_ - 1]) < meeting_level(first_[sums_ - 1], group);
         --sums_) {
      ++folds;
    }
    first_[sums_++] = last_ = group;
    return folds;
  }

 private:
  uint32_t first_[kMostTreeSums];  // of the sums that are not yet added to another: their first groups
  size_t sums_ = 0;
  uint32_t last_ = 0;
};

}  // namespace pairloom
