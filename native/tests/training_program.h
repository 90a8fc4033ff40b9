// A training program with every kind of stage: what the fuzzer mutates and the determinism test repeats.
#pragma once

#include "tests/program_builder.h"

namespace pairloom::test {

constexpr uint32_t kTableRows = 50, kDim = 4;

// Ids, a bag and three numbers, through embeddings, interaction, batch norm and two layers, to Adam and table updates.
inline std::vector<uint8_t> training_program(bool every_row = false, bool translated = false) {
  using O = Opcode;
  ProgramBuilder b(64, 8, 3);
  const Operand table = b.parameter({kTableRows, kDim}), bags = b.parameter({kTableRows, kDim}, DType::kBf16);
  const Operand sum = b.parameter({kTableRows}), m = b.parameter({kTableRows, kDim}),
                v = b.parameter({kTableRows, kDim});
  const Operand w0 = b.parameter({kDim, 3}), b0 = b.parameter({kDim}), w1 = b.parameter({1, 3 + kDim});
  const Operand gamma = b.parameter({kDim}), beta = b.parameter({kDim});
  const Operand run_mean = b.parameter({kDim}), run_var = b.parameter({kDim});
  const Operand m0 = b.parameter({kDim, 3}), v0 = b.parameter({kDim, 3}), s1 = b.parameter({1, 3 + kDim});
  const Operand lr = b.scalar();

  b.stage(StageKind::kFixed);
  const Operand one = b.fixed({1});
  b.add(O::kConstant, {one}, {1});

  b.stage(StageKind::kTile);
  const Operand x = b.batch({3}), label = b.batch({1});
  Operand id = b.buffer(Space::kBatch, {1}, DType::kId), bag = b.buffer(Space::kBatch, {1}, DType::kBag);
  b.input(x);
  b.input(label);
  b.input(id, kTableRows);
  b.input(bag, kTableRows);
  if (translated) {
    const Operand rows = b.buffer(Space::kBatch, {1}, DType::kId), bag_rows = b.buffer(Space::kBatch, {1}, DType::kBag);
    b.stage(StageKind::kFixed);
    b.add(O::kTranslate, {id, bag, rows, bag_rows}, {b.translation(kTableRows), 1});
    b.stage(StageKind::kTile);
    id = rows;
    bag = bag_rows;
  }
  const Operand h = b.batch({kDim});
  b.add(O::kLinear, {x, w0, b0, h}, {1, 1, 0});
  const Operand p_mean = b.partial({kDim}), p_m2 = b.partial({kDim});
  b.add(O::kBatchMoments, {h, p_mean, p_m2});

  b.stage(StageKind::kFixed);
  const Operand mean = b.fixed({kDim}), var = b.fixed({kDim});
  b.add(O::kCombine, {p_mean, p_m2, mean, var}, {2});

  b.stage(StageKind::kTile);
  const Operand fields = b.tile({3, kDim});
  const auto field = [&](uint32_t f) { return Operand{fields.buffer, f * kDim, 1, {kDim, 1, 1}}; };
  b.add(O::kBatchNormalize, {h, mean, var, gamma, beta, field(0)}, {1e-5});
  b.add(O::kEmbedding, {table, id, field(1)});
  b.add(O::kEmbeddingBag, {bags, bag, field(2)}, {1});
  const Operand joined = b.tile({3 + kDim});
  const Operand dots{joined.buffer, 0, 1, {3, 1, 1}}, rest{joined.buffer, 3, 1, {kDim, 1, 1}};
  b.add(O::kDotInteraction, {fields, dots});
  b.add(O::kDropout, {field(0), rest}, {0.25, 7});
  const Operand logit = b.batch({1}), loss = b.tile({1}), p_loss = b.partial({1});
  b.add(O::kLinear, {joined, w1, logit}, {0, 0, 0});
  b.add(O::kSigmoidCrossEntropy, {logit, label, loss});
  b.add(O::kBatchMean, {loss, p_loss});
  const Operand dl = b.tile({1}), dz = b.tile({1}), p_w1 = b.partial({1, 3 + kDim}), d_joined = b.tile({3 + kDim});
  b.add(O::kBatchMeanGrad, {one, dl});
  b.add(O::kSigmoidCrossEntropyGrad, {dl, logit, label, dz});
  b.add(O::kLinearGradWeight, {dz, joined, p_w1}, {0});
  b.add(O::kLinearGradInput, {dz, w1, d_joined}, {0, 0, 0});
  const Operand d_fields = b.batch({3, kDim});
  const Operand d_dots{d_joined.buffer, 0, 1, {3, 1, 1}};
  b.add(O::kDotInteractionGrad, {d_dots, fields, d_fields});
  const auto d_field = [&](uint32_t f) { return Operand{d_fields.buffer, f * kDim, 1, {kDim, 1, 1}}; };
  const Operand p_w0 = b.partial({kDim, 3}), d_h = b.tile({kDim});
  b.add(O::kActivationGrad, {d_field(0), h, d_h}, {1});
  b.add(O::kLinearGradWeight, {d_h, x, p_w0}, {0});

  b.stage(StageKind::kFixed);
  const Operand mean_loss = b.fixed({1}), g_w1 = b.fixed({1, 3 + kDim}), g_w0 = b.fixed({kDim, 3});
  b.add(O::kCombine, {p_loss, mean_loss}, {1});
  b.add(O::kCombine, {p_w1, p_w0, g_w1, g_w0}, {0});

  b.stage(StageKind::kFixed);
  const double every = every_row;
  b.add(O::kAdam, {w0, g_w0, lr, m0, v0}, {0.9, 0.999, 1e-6, 0, 0.01});
  b.add(O::kAdagrad, {w1, g_w1, lr, s1}, {1e-6, 0.01});
  b.add(O::kUpdateRunning, {run_mean, run_var, mean, var}, {0.1});
  b.add(O::kTableRowWiseAdagrad, {table, lr, sum, id, d_field(1)}, {1e-6, 3, 0.01, every, 0, 0, 0});
  b.add(O::kTableAdam, {bags, lr, m, v, bag, d_field(2)}, {0.9, 0.999, 1e-6, 4, 0.01, every, 0, 0, 1});
  b.output(logit);
  b.output(mean_loss);
  return b.bytes();
}

}  // namespace pairloom::test
