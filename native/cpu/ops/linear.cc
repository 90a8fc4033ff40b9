// Dense layers.
#include "cpu/operation.h"
#include "cpu/reduce.h"

namespace pairloom::linear_ops {
namespace {

Activation fn(const BoundInstruction& i) { return Activation(uint32_t(i.attribute(0))); }

size_t linear_scratch(const KernelTable& kernels, const BoundInstruction& i, uint32_t rows) {
  const View& w = i.views[1];
  return linear_kernels(kernels, i).scratch_size(rows, w.dims[0], w.dims[1]);
}

size_t linear_grad_weight_scratch(const KernelTable& kernels, const BoundInstruction& i, uint32_t rows) {
  const View& dw = i.views[2];
  return linear_kernels(kernels, i).scratch_size(rows, dw.dims[0], dw.dims[1]);
}

void linear(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const float* bias = i.attribute(1) == 1 ? t.at(v[2]) : nullptr;
  linear_kernels(t.kernels, i)
      .forward(t.in(v[0]), i.packed, bias, t.out(v.back()), t.rows, v[1].dims[0], v[1].dims[1], fn(i),
               t.worker.scratch.data());
}

void linear_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Slope slope = i.attribute(1) == 1 ? Slope{t.in(v[2]), fn(i)} : Slope{};
  linear_kernels(t.kernels, i)
      .grad_input(t.in(v[0]), i.packed, slope, t.out(v.back()), t.rows, v[1].dims[0], v[1].dims[1],
                  t.worker.scratch.data());
}

// The rows of the result that are worth a part: all of them repack x.
constexpr uint32_t kSharedUnits = 128;

uint32_t linear_grad_weight_shares(const BoundInstruction& i) {
  return std::max(1u, uint32_t(i.views[2].dims[0]) / kSharedUnits);
}

void linear_grad_weight(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const uint32_t n = uint32_t(v[2].dims[0]), k = uint32_t(v[2].dims[1]);
  const uint32_t begin = part_begin(n, t.shared, t.shares), end = part_begin(n, t.shared + 1, t.shares);
  ConstRows dz = t.in(v[0]);
  dz.data += begin;
  linear_kernels(t.kernels, i)
      .grad_weight(dz, t.in(v[1]), t.at(v[2]) + size_t{begin} * k, {t.rows, t.step.tile_rows}, end - begin, k,
                   t.seen > 0, t.worker.scratch.data());
}

void sum_rows(const BoundInstruction& i, Tile& t) {
  reduce_sums(i, t, 1, [&](const Tile& part, const Reduced& out) {
    part.kernels.sum_rows(part.in(i.views[0]), out.to[0], part.rows, width(i.views[0]));
  });
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kLinear,
     .tile = linear,
     .scratch = linear_scratch,
     .packs = Packing::kForward,
     .sharing = Sharing::kRows},
    {.opcode = Opcode::kLinearGradInput,
     .tile = linear_grad_input,
     .scratch = linear_scratch,
     .packs = Packing::kBackward,
     .sharing = Sharing::kRows},
    {.opcode = Opcode::kLinearGradWeight,
     .tile = linear_grad_weight,
     .scratch = linear_grad_weight_scratch,
     .sharing = Sharing::kResult,
     .shares = linear_grad_weight_shares},
    {.opcode = Opcode::kSumRows, .tile = sum_rows},
};

}  // namespace pairloom::linear_ops
