// Folding the partial results that the threads have left.
#include "cpu/operation.h"
#include "cpu/ops/fold_roots.h"

namespace pairloom::combine_ops {
namespace {

void combine_moments(const StepContext& step, const BoundInstruction& i, const FixedJob& job) {
  const auto& v = i.views;
  for (size_t at = job.begin; at < job.end; ++at) {
    const Moments all = merge_roots(step.sums, v[0].offset + at, v[1].offset + at);
    v[2].base[at] = all.mean;
    v[3].base[at] = all.m2 / float(all.rows);
  }
}

void combine(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const StepContext& step = *worker.step;
  const Combine kind = Combine(uint32_t(i.attribute(0)));
  if (kind == Combine::kMoments) {
    if (job.part == 0) combine_moments(step, i, job);  // both halves at once: mean and M2 have the same elements
    return;
  }
  const size_t pairs = i.views.size() / 2;
  float* to = i.views[pairs + job.part].base;
  const size_t offset = i.views[job.part].offset + job.begin;
  sum_roots(*step.kernels, step.sums, offset, job.end - job.begin, to + job.begin);
  if (kind != Combine::kMean) return;
  for (size_t at = job.begin; at < job.end; ++at) to[at] /= float(step.rows);
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kCombine, .fixed = combine},
};

}  // namespace pairloom::combine_ops
