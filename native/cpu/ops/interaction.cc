// Products of embeddings: dot products, factorization machines, matrix products, compressed interactions.
#include <cmath>

#include "cpu/operation.h"
#include "cpu/reduce.h"

namespace pairloom::interaction_ops {
namespace {

void dot_interaction(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  t.kernels.dot_interaction(t.in(x), t.out(i.views[1]), t.rows, x.dims[0], x.dims[1]);
}

void dot_interaction_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.dot_interaction_grad(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, v[1].dims[0], v[1].dims[1]);
}

void factorization_machine(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  t.kernels.factorization_machine(t.in(x), t.out(i.views[1]), t.rows, x.dims[0], x.dims[1]);
}

void factorization_machine_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.factorization_machine_grad(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, v[1].dims[0], v[1].dims[1]);
}

void batch_matmul(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const bool transpose_a = i.attribute(0) == 1, transpose_b = i.attribute(1) == 1;
  t.kernels.batch_matmul(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, v[2].dims[0], v[2].dims[1],
                         v[0].dims[transpose_a ? 0 : 1], transpose_a, transpose_b);
}

// True if only pairs of the upper triangle are used.
InteractionShape interaction(const BoundInstruction& i, const View& x, const View& x0, const View& y, uint32_t rows) {
  return {
      rows, uint32_t(x.dims[0]), uint32_t(x0.dims[0]), uint32_t(x.dims[1]), uint32_t(y.dims[0]), i.attribute(0) == 1};
}
InteractionShape interaction_grad(const BoundInstruction& i, uint32_t rows) {
  return interaction(i, i.views[1], i.views[2], i.views[0], rows);
}

size_t compressed_interaction_scratch(const KernelTable& kernels, const BoundInstruction& i, uint32_t rows) {
  return kernels.compressed_interaction_scratch(interaction(i, i.views[0], i.views[1], i.views.back(), rows));
}

size_t compressed_interaction_grad_scratch(const KernelTable& kernels, const BoundInstruction& i, uint32_t rows) {
  return kernels.compressed_interaction_scratch(interaction_grad(i, rows));
}

void compressed_interaction(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const float* bias = i.attribute(1) == 1 ? t.at(v[3]) : nullptr;
  t.kernels.compressed_interaction(t.in(v[0]), t.in(v[1]), t.at(v[2]), bias, t.out(v.back()),
                                   interaction(i, v[0], v[1], v.back(), t.rows), t.worker.scratch.data());
}

void compressed_interaction_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.compressed_interaction_grad_input(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.at(v[3]), t.out(v[4]), t.out(v[5]),
                                              interaction_grad(i, t.rows), t.worker.scratch.data());
}

// The units of the result that are worth a part: all of them multiply maps by fields.
constexpr uint32_t kSharedUnits = 32;

uint32_t compressed_interaction_grad_weight_shares(const BoundInstruction& i) {
  return std::max(1u, uint32_t(i.views[3].dims[0]) / kSharedUnits);
}

void compressed_interaction_grad_weight(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  reduce_sums(i, t, 1, [&](const Tile& part, const Reduced& out) {
    InteractionShape shape = interaction_grad(i, part.rows);
    const uint32_t begin = part_begin(shape.units, t.shared, t.shares);
    shape.units = part_begin(shape.units, t.shared + 1, t.shares) - begin;
    ConstRows dy = part.in(v[0]);
    dy.data += size_t{begin} * shape.dim;
    part.kernels.compressed_interaction_grad_weight(dy, part.in(v[1]), part.in(v[2]), out.to[0], shape,
                                                    part.worker.scratch.data());
  });
}

// f(k, at, mirrored): pair k of the upper triangle of the pairs of `count` fields, and the indices of it and of its
// mirror image among all pairs.
template <class F>
void each_upper_pair(uint32_t count, F f) {
  uint32_t k = 0;
  for (uint32_t h = 0; h < count; ++h) {
    for (uint32_t j = h; j < count; ++j) f(k++, h * count + j, j * count + h);
  }
}

uint32_t fields_of(const View& all) { return uint32_t(std::lround(std::sqrt(double(all.dims[1])))); }

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

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kDotInteraction, .tile = dot_interaction, .sharing = Sharing::kRows},
    {.opcode = Opcode::kDotInteractionGrad, .tile = dot_interaction_grad, .sharing = Sharing::kRows},
    {.opcode = Opcode::kFactorizationMachine, .tile = factorization_machine},
    {.opcode = Opcode::kFactorizationMachineGrad, .tile = factorization_machine_grad},
    {.opcode = Opcode::kBatchMatmul, .tile = batch_matmul},
    {.opcode = Opcode::kCompressedInteraction,
     .tile = compressed_interaction,
     .scratch = compressed_interaction_scratch,
     .sharing = Sharing::kRows,
     .takes_long = true},
    {.opcode = Opcode::kCompressedInteractionGradInput,
     .tile = compressed_interaction_grad_input,
     .scratch = compressed_interaction_grad_scratch,
     .sharing = Sharing::kRows,
     .takes_long = true},
    {.opcode = Opcode::kCompressedInteractionGradWeight,
     .tile = compressed_interaction_grad_weight,
     .scratch = compressed_interaction_grad_scratch,
     .sharing = Sharing::kResult,
     .shares = compressed_interaction_grad_weight_shares},
    {.opcode = Opcode::kFoldPairs, .fixed = fold_pairs},
    {.opcode = Opcode::kUnfoldPairs, .fixed = unfold_pairs},
};

}  // namespace pairloom::interaction_ops
