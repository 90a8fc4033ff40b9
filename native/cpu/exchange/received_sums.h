// The summed gradients of rows, as their owner gets them.
#pragma once

#include <cstdint>
#include <vector>

namespace pairloom {

// The sum over the groups of a node of the tree, which stands for its first group; of this rank itself, every gradient.
struct ReceivedSum {
  uint64_t row;  // of the shard
  uint32_t group;
  const float* grad;  // of the columns that RowRoute::sums_of says
  float scale;
};
using ReceivedSums = std::vector<ReceivedSum>;  // in the order in which they are added

}  // namespace pairloom
