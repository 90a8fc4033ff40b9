// The summed gradients of rows, as their owner gets them.
#pragma once

#include <cstdint>
#include <vector>

namespace pairloom {

// The sum over the groups of a node of the tree, which stands for its first group.
struct ReceivedSum {
  uint64_t row;  // of the shard
  uint32_t group;
  const float* grad;
};
using ReceivedSums = std::vector<ReceivedSum>;  // groups ascend

}  // namespace pairloom
