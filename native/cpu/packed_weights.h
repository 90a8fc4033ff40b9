// The weights of linear layers in the layout of the kernels: one copy per weight and direction.
#pragma once

#include <vector>

#include "cpu/operation.h"
#include "cpu/pool.h"
#include "runtime/memory.h"

namespace pairloom {

class PackedWeights {
 public:
  // Reserves the packed form of `weight` [n, k] for products in this direction with these kernels, and returns its
  // place.
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
