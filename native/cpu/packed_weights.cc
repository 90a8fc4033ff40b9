#include "cpu/packed_weights.h"

#include <algorithm>

namespace pairloom {

const float* PackedWeights::add(const View& weight, Packing packing, const LinearKernels& kernels) {
  const uint32_t n = uint32_t(weight.dims[0]), k = uint32_t(weight.dims[1]);
  const bool forward = packing == Packing::kForward;
  for (const Weight& w : weights_) {
    const bool same = w.kernels == &kernels && w.data == weight.base && w.n == n && w.k == k && w.forward == forward;
    if (same) return w.packed.data();
  }
  // Forward sums over k for each of n columns; backward sums over n for each of k.
  const size_t size = forward ? kernels.packed_size(n, k) : kernels.packed_size(k, n);
  weights_.push_back({&kernels, weight.base, n, k, forward, Arena(size)});
  return weights_.back().packed.data();
}

void PackedWeights::finish() {
  std::stable_sort(weights_.begin(), weights_.end(), [](const Weight& a, const Weight& b) {
    return size_t{a.n} * a.k > size_t{b.n} * b.k;
  });
}

void PackedWeights::pack(Pool& pool) const {
  pool.run(uint32_t(weights_.size()), [&](uint32_t job, uint32_t) {
    const Weight& w = weights_[job];
    (w.forward ? w.kernels->pack_forward : w.kernels->pack_backward)(w.data, w.n, w.k, w.packed.data());
  });
}

}  // namespace pairloom
