// Folding the partial results that the threads have left.
#include <algorithm>
#include <bit>
#include <cstring>

#include "cpu/operation.h"
#include "cpu/reduce.h"

namespace pairloom::combine_ops {
namespace {

constexpr size_t kBlock = 1024;  // floats: a block of every root stays in the first-level cache while they are added
constexpr uint32_t kMostLevels = 11;  // of roots: as many as threads at most

// The sum along the tree of `count` roots from `first` on, for one block of elements.
class RootSum {
 public:
  RootSum(const StepContext& step, size_t offset, size_t size) : step_(step), offset_(offset), size_(size) {}

  // The sum itself where it is one root's, else `to`.
  const float* operator()(size_t first, size_t count, float* to, uint32_t level = 0) {
    if (count == 1) return step_.sums[first].data + offset_;
    const size_t left = std::bit_ceil(count) / 2;  // the tree's left subtree is full
    const float* a = (*this)(first, left, to, level + 1);
    const float* b = (*this)(first + left, count - left, spare_[level], level + 1);
    step_.kernels->add({a, size_}, {b, size_}, {to, size_}, 1, uint32_t(size_));
    return to;
  }

 private:
  const StepContext& step_;
  const size_t offset_, size_;
  alignas(64) float spare_[kMostLevels][kBlock];
};

void sum_roots(const StepContext& step, const View& from, float* to, size_t begin, size_t end) {
  for (size_t at = begin; at < end; at += kBlock) {
    const size_t count = std::min(kBlock, end - at);
    RootSum sum(step, from.offset + at, count);
    const float* result = sum(0, step.sums.size(), to + at);
    if (result != to + at) std::memcpy(to + at, result, count * sizeof(float));
  }
}

struct Moments {
  float mean, m2;
  uint32_t rows;
};

Moments merge_roots(const StepContext& step, const View& mean, const View& m2, size_t at, size_t first, size_t count) {
  if (count == 1) {
    const PartialSums& root = step.sums[first];
    return {root.data[mean.offset + at], root.data[m2.offset + at], root.rows};
  }
  const size_t left = std::bit_ceil(count) / 2;
  Moments a = merge_roots(step, mean, m2, at, first, left);
  Moments b = merge_roots(step, mean, m2, at, first + left, count - left);
  merge_moments({{&a.mean, &a.m2}, a.rows}, {{&b.mean, &b.m2}, b.rows}, {{&a.mean, &a.m2}, a.rows}, 1);
  a.rows += b.rows;
  return a;
}

void combine_moments(const StepContext& step, const BoundInstruction& i, const FixedJob& job) {
  const auto& v = i.views;
  for (size_t at = job.begin; at < job.end; ++at) {
    const Moments all = merge_roots(step, v[0], v[1], at, 0, step.sums.size());
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
  sum_roots(step, i.views[job.part], to, job.begin, job.end);
  if (kind != Combine::kMean) return;
  for (size_t at = job.begin; at < job.end; ++at) to[at] /= float(step.rows);
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kCombine, .fixed = combine},
};

}  // namespace pairloom::combine_ops
