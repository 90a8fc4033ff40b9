// The weights of linear layers in the layout of the kernels: one copy for each weight and direction.
#pragma once

#include <vector>

#include "executor/memory.h"
#include "executor/pool.h"
#include "executor/bound.h"

namespace pairloom {

class PackedWeights {
 public:
  explicit PackedWeights(const KernelTable& kernels) : kernels_(kernels) {}

  // Where the packed form of `weight` [n, k] will be for this opcode (linear or linearGradInput).
  const float* add(const View& weight, Opcode opcode);
  // Call once after the last add: large weights first, so that threads finish together.
  void finish();
  void pack(Pool& pool) const;
  bool empty() const { return weights_.empty(); }

 private:
  struct Weight {
    const float* data;
    uint32_t n, k;
    bool forward;
    Arena packed;
  };

  const KernelTable& kernels_;
  std::vector<Weight> weights_;
};

}  // namespace pairloom
