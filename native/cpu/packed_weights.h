// The weights of linear layers in the layout of the kernels: one copy for each weight and direction.
#pragma once

#include <vector>

#include "cpu/memory.h"
#include "cpu/pool.h"
#include "cpu/operation.h"

namespace pairloom {

class PackedWeights {
 public:
  // Where the packed form of `weight` [n, k] will be, for products of this direction and these kernels.
  const float* add(const View& weight, Packing packing, const LinearKernels& kernels);
  // Call once after the last add.
  void finish();
  void pack(Pool& pool) const;
  bool empty() const { return weights_.empty(); }

 private:
  struct Weight {
    const LinearKernels* kernels;
    const float* data;
    uint32_t n, k;
    bool forward;
    Arena packed;
    uint32_t columns() const { return forward ? n : k; }
  };
  struct Job {
    size_t weight;
    PackedColumns columns;
  };

  std::vector<Weight> weights_;
  std::vector<Job> jobs_;
};

}  // namespace pairloom
