// Optimizers of dense weights, moving averages and the clipping of gradients.
#include <cmath>

#include "cpu/operation.h"
#include "runtime/optimizer_settings.h"

namespace pairloom::dense_update_ops {
namespace {

void sgd(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->sgd(v[0].base + job.begin, v[1].base + job.begin, job.end - job.begin, *v[2].base,
                            float(i.attribute(0)));
}

void momentum(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  const double share = worker.step->step == 0 ? 1 : 1 - i.attribute(1);
  const MomentumSettings settings = {.momentum = float(i.attribute(0)),
                                     .share = float(share),
                                     .l2 = float(i.attribute(3)),
                                     .nesterov = i.attribute(2) != 0};
  worker.step->kernels->momentum(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                                 job.end - job.begin, *v[2].base, settings);
}

FadingSettings fading_of(const BoundInstruction& i) {
  const double decay = i.attribute(0);
  return {.decay = float(decay), .rest = float(1 - decay), .eps = float(i.attribute(1)), .l2 = float(i.attribute(2))};
}

void rmsprop(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->rmsprop(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                                job.end - job.begin, *v[2].base, fading_of(i));
}

void adadelta(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->adadelta(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                                 v[4].base + job.begin, job.end - job.begin, *v[2].base, fading_of(i));
}

void adagrad(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  worker.step->kernels->adagrad(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin,
                                job.end - job.begin, *v[2].base, float(i.attribute(0)), float(i.attribute(1)));
}

void adam(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  const AdamSettings settings =
      adam_settings(i.attribute(0), i.attribute(1), i.attribute(2), i.attribute(3), i.attribute(4), worker.step->step);
  worker.step->kernels->adam(v[0].base + job.begin, v[1].base + job.begin, v[3].base + job.begin, v[4].base + job.begin,
                             job.end - job.begin, *v[2].base, settings);
}

void moving_average(const BoundInstruction& i, const FixedJob& job, Worker& worker) {
  const auto& v = i.views;
  const double decay = i.attribute(0);
  worker.step->kernels->moving_average(v[0].base + job.begin, v[1].base + job.begin, job.end - job.begin, float(decay),
                                       float(1 - decay));
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

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kSgd, .fixed = sgd},
    {.opcode = Opcode::kMomentum, .fixed = momentum},
    {.opcode = Opcode::kAdagrad, .fixed = adagrad},
    {.opcode = Opcode::kRmsprop, .fixed = rmsprop},
    {.opcode = Opcode::kAdadelta, .fixed = adadelta},
    {.opcode = Opcode::kAdam, .fixed = adam},
    {.opcode = Opcode::kMovingAverage, .fixed = moving_average},
    {.opcode = Opcode::kSumSquares, .fixed = sum_squares},
    {.opcode = Opcode::kClipFactor, .fixed = clip_factor},
    {.opcode = Opcode::kScaleByNumber, .fixed = scale_by_number},
    {.opcode = Opcode::kClipValue, .fixed = clip_value},
};

}  // namespace pairloom::dense_update_ops
