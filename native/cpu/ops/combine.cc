// Folding the partial results of the groups.
#include <algorithm>
#include <cstring>

#include "cpu/operation.h"

namespace pairloom::combine_ops {
namespace {

enum class Combine : uint32_t { kSum, kMean, kMoments };

constexpr size_t kBlock = 2048;  // floats that stay in the first-level cache while the groups are added to them

const float* partial(const StepContext& step, const View& view, uint32_t group) {
  return step.partials + size_t{group} * step.partial_stride + view.offset;
}

void sum_groups(const StepContext& step, const View& from, float* to, size_t begin, size_t end) {
  for (size_t at = begin; at < end; at += kBlock) {
    const size_t count = std::min(kBlock, end - at);
    std::memcpy(to + at, partial(step, from, 0) + at, count * sizeof(float));
    for (uint32_t group = 1; group < step.groups; ++group) {
      step.kernels->accumulate(to + at, partial(step, from, group) + at, count, 1.0f);
    }
  }
}

// Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing sample variances", 1979.
void merge_moments(const StepContext& step, const BoundInstruction& i, const FixedJob& job) {
  const auto& v = i.views;
  for (size_t at = job.begin; at < job.end; ++at) {
    float mean = 0, m2 = 0, seen = 0;
    for (uint32_t group = 0; group < step.groups; ++group) {
      const float rows = float(step.first_row(group + 1) - step.first_row(group)), total = seen + rows;
      const float delta = partial(step, v[0], group)[at] - mean;
      mean += delta * (rows / total);
      m2 += partial(step, v[1], group)[at] + delta * delta * (seen * rows / total);
      seen = total;
    }
    v[2].base[at] = mean;
    v[3].base[at] = m2 / seen;
  }
}

void combine(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const StepContext& step = *worker.step;
  const Combine kind = Combine(uint32_t(i.attribute(0)));
  if (kind == Combine::kMoments) {
    if (job.part == 0) merge_moments(step, i, job);  // both halves at once: mean and M2 have the same elements
    return;
  }
  const size_t pairs = i.views.size() / 2;
  float* to = i.views[pairs + job.part].base;
  sum_groups(step, i.views[job.part], to, job.begin, job.end);
  if (kind != Combine::kMean) return;
  for (size_t at = job.begin; at < job.end; ++at) to[at] /= float(step.rows);
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kCombine, .fixed = combine},
};

}  // namespace pairloom::combine_ops
