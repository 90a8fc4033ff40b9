#include "cpu/fixed_ops.h"

#include <algorithm>
#include <cmath>
#include <cstring>

#include "cpu/tables/update.h"

namespace pairloom::fixed_ops {
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

}  // namespace

void constant(const BoundInstruction& i, const FixedJob&, Worker&) {
  std::fill_n(i.views[0].base, i.views[0].size, float(i.attribute(0)));
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

void update_running(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  const auto& v = i.views;
  const float momentum = float(i.attribute(0)), rows = float(worker.step->rows);
  const float unbiased = rows > 1 ? rows / (rows - 1) : 1;
  for (size_t at = 0; at < v[0].size; ++at) {
    v[0].base[at] = (1 - momentum) * v[0].base[at] + momentum * v[2].base[at];
    v[1].base[at] = (1 - momentum) * v[1].base[at] + momentum * (v[3].base[at] * unbiased);
  }
}

void sgd(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->sgd(v[0].base + job.begin, v[1].base + job.begin, job.end - job.begin, *v[2].base,
                            float(i.attribute(0)));
}

void adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->adagrad(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                                job.end - job.begin, *v[2].base, float(i.attribute(0)), float(i.attribute(1)));
}

void adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  const AdamSettings settings = adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), i.attribute(3),
                                              i.attribute(4), worker.step->step);
  worker.step->kernels->adam(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                             v[4].base + job.begin, job.end - job.begin, *v[2].base, settings);
}

void moving_average(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  const double decay = i.attribute(0);
  worker.step->kernels->moving_average(v[0].base + job.begin, v[1].base + job.begin, job.end - job.begin,
                                       float(decay), float(1 - decay));
}

void sum_squares(const BoundInstruction& i, const FixedJob&, Worker& worker) {
  *i.views[1].base = worker.step->kernels->sum_squares(i.views[0].base, i.views[0].size);
}

void clip_factor(const BoundInstruction& i, const FixedJob&, Worker&) {
  float sum = 0;
  for (size_t operand = 0; operand + 1 < i.views.size(); ++operand) {
    const View& sums = i.views[operand];
    for (size_t part = 0; part < sums.size; ++part) sum += sums.base[part];
  }
  const float factor = float(i.attribute(0)) / (std::sqrt(sum) + 1e-6f);
  *i.views.back().base = factor > 1 ? 1 : factor;  // NaN passes
}

void scale_by_number(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->scale_by(v[0].base + job.begin, v[2].base + job.begin, job.end - job.begin, *v[1].base);
}

void clip_value(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->clip_value(v[0].base + job.begin, v[1].base + job.begin, job.end - job.begin,
                                   float(i.attribute(0)));
}

namespace {

// f(k, at, mirrored): pair k of the upper triangle of the pairs of `count` fields, and where it and its mirror image
// are among all pairs.
template <class F>
void each_upper_pair(uint32_t count, F f) {
  uint32_t k = 0;
  for (uint32_t h = 0; h < count; ++h) {
    for (uint32_t j = h; j < count; ++j) f(k++, h * count + j, j * count + h);
  }
}

uint32_t fields_of(const View& all) { return uint32_t(std::lround(std::sqrt(double(all.dims[1])))); }

}  // namespace

void fold_pairs(const BoundInstruction& i, const FixedJob&, Worker&) {
  const View &all = i.views[0], &upper = i.views[1];
  for (size_t n = 0; n < all.dims[0]; ++n) {
    const float* from = all.base + n * all.dims[1];
    float* to = upper.base + n * upper.dims[1];
    each_upper_pair(fields_of(all), [&](uint32_t k, uint32_t at, uint32_t mirrored) {
      to[k] = at == mirrored ? from[at] : from[at] + from[mirrored];
    });
  }
}

void unfold_pairs(const BoundInstruction& i, const FixedJob&, Worker&) {
  const View &upper = i.views[0], &all = i.views[1];
  for (size_t n = 0; n < all.dims[0]; ++n) {
    const float* from = upper.base + n * upper.dims[1];
    float* to = all.base + n * all.dims[1];
    each_upper_pair(fields_of(all),
                    [&](uint32_t k, uint32_t at, uint32_t mirrored) { to[at] = to[mirrored] = from[k]; });
  }
}

}  // namespace pairloom::fixed_ops
