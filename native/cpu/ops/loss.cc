// Losses per row, and their mean.
#include "cpu/operation.h"
#include "cpu/reduce.h"

namespace pairloom::loss_ops {
namespace {

void sigmoid_cross_entropy(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.sigmoid_cross_entropy(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows);
}

void sigmoid_cross_entropy_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.sigmoid_cross_entropy_grad(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.out(v[3]), t.rows);
}

void focal_cross_entropy(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.focal_cross_entropy(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, float(i.attribute(0)),
                                float(i.attribute(1)));
}

void focal_cross_entropy_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.focal_cross_entropy_grad(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.out(v[3]), t.rows, float(i.attribute(0)),
                                     float(i.attribute(1)));
}

void softmax_cross_entropy(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.softmax_cross_entropy(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, width(v[0]), float(i.attribute(0)));
}

void softmax_cross_entropy_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.softmax_cross_entropy_grad(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.out(v[3]), t.rows, width(v[1]),
                                       float(i.attribute(0)));
}

void batch_mean(const BoundInstruction& i, Tile& t) {
  reduce_sums(i, t, 1, [&](const Tile& part, const Reduced& out) {
    part.kernels.sum_rows(part.in(i.views[0]), out.to[0], part.rows, 1);
  });
}

void batch_mean_grad(const BoundInstruction& i, Tile& t) {
  const float share = *t.at(i.views[0]) / float(t.step.rows);
  for (uint32_t r = 0; r < t.rows; ++r) *t.out(i.views[1]).row(r) = share;
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kSigmoidCrossEntropy, .tile = sigmoid_cross_entropy},
    {.opcode = Opcode::kSigmoidCrossEntropyGrad, .tile = sigmoid_cross_entropy_grad},
    {.opcode = Opcode::kFocalCrossEntropy, .tile = focal_cross_entropy},
    {.opcode = Opcode::kFocalCrossEntropyGrad, .tile = focal_cross_entropy_grad},
    {.opcode = Opcode::kSoftmaxCrossEntropy, .tile = softmax_cross_entropy},
    {.opcode = Opcode::kSoftmaxCrossEntropyGrad, .tile = softmax_cross_entropy_grad},
    {.opcode = Opcode::kBatchMean, .tile = batch_mean},
    {.opcode = Opcode::kBatchMeanGrad, .tile = batch_mean_grad},
};

}  // namespace pairloom::loss_ops
