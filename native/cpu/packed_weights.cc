#include "cpu/packed_weights.h"

#include <algorithm>

namespace pairloom {
namespace {

constexpr uint32_t kJobFloats = 1u << 14;  // of a weight: about ten microseconds of work

}  // namespace

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
  jobs_.clear();
  for (size_t i = 0; i < weights_.size(); ++i) {
    const uint32_t columns = weights_[i].columns(), depth = weights_[i].forward ? weights_[i].k : weights_[i].n;
    const uint32_t panels = std::max(1u, kJobFloats / (kPackedPanel * std::max(1u, depth)));
    for (uint32_t begin = 0; begin < columns; begin += panels * kPackedPanel) {
      jobs_.push_back({i, {begin, std::min(begin + panels * kPackedPanel, columns)}});
    }
  }
}

void PackedWeights::pack(Pool& pool) const {
  pool.run(uint32_t(jobs_.size()), [&](uint32_t job, uint32_t) {
    const auto& [weight, columns] = jobs_[job];
    const Weight& w = weights_[weight];
    (w.forward ? w.kernels->pack_forward : w.kernels->pack_backward)(w.data, w.n, w.k, columns, w.packed.data());
  });
}

}  // namespace pairloom
