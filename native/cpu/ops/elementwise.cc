// Operations on elements and columns, and those that rearrange or reduce the elements of a row.
#include <cmath>

#include "cpu/operation.h"
#include "runtime/random.h"

namespace pairloom::elementwise_ops {
namespace {

Activation fn(const BoundInstruction& i) { return Activation(uint32_t(i.attribute(0))); }

void activation(const BoundInstruction& i, Tile& t) {
  t.kernels.activation(t.in(i.views[0]), t.out(i.views[1]), t.rows, width(i.views[0]), fn(i));
}

void activation_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.activation_grad(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, width(v[0]), fn(i));
}

void concat(const BoundInstruction& i, Tile& t) {
  Rows out = t.out(i.views.back());
  for (size_t part = 0; part + 1 < i.views.size(); ++part) {
    t.kernels.copy(t.in(i.views[part]), out, t.rows, width(i.views[part]));
    out.data += i.views[part].size;
  }
}

void add(const BoundInstruction& i, Tile& t) {
  const View& out = i.views.back();
  ConstRows sum = t.in(i.views[0]);
  for (size_t term = 1; term + 1 < i.views.size(); ++term) {
    t.kernels.add(sum, t.in(i.views[term]), t.out(out), t.rows, width(out));
    sum = t.in(out);
  }
}

void multiply(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.multiply(t.in(v[0]), t.in(v[1]), t.out(v[2]), t.rows, width(v[2]));
}

void scale(const BoundInstruction& i, Tile& t) {
  t.kernels.scale(t.in(i.views[0]), float(i.attribute(0)), t.out(i.views[1]), t.rows, width(i.views[0]));
}

void sum_columns(const BoundInstruction& i, Tile& t) {
  t.kernels.sum_columns(t.in(i.views[0]), t.out(i.views[1]), t.rows, width(i.views[0]));
}

void broadcast_columns(const BoundInstruction& i, Tile& t) {
  t.kernels.broadcast_columns(t.in(i.views[0]), t.out(i.views[1]), t.rows, width(i.views[1]));
}

void transpose(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  t.kernels.transpose_rows(t.in(x), t.out(i.views[1]), t.rows, x.dims[0], x.dims[1]);
}

void sum_inner(const BoundInstruction& i, Tile& t) {
  const View &x = i.views[0], &y = i.views[1];
  for (uint32_t r = 0; r < t.rows; ++r) {
    t.kernels.sum_columns({t.in(x).row(r), x.dims[1]}, {t.out(y).row(r), 1}, x.dims[0], x.dims[1]);
  }
}

void broadcast_inner(const BoundInstruction& i, Tile& t) {
  const View &x = i.views[0], &y = i.views[1];
  for (uint32_t r = 0; r < t.rows; ++r) {
    t.kernels.broadcast_columns({t.in(x).row(r), 1}, {t.out(y).row(r), y.dims[1]}, y.dims[0], y.dims[1]);
  }
}

void dropout(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  const double rate = i.attribute(0);
  const RandomKey key = random_key(t.step.seed, uint32_t(i.attribute(1)), t.step.step);
  const uint32_t threshold = uint32_t(std::floor(rate * 4294967296.0));  // rate < 1: it fits
  t.kernels.dropout(t.in(x), t.out(i.views[1]), t.rows, width(x), key, uint64_t{t.first} * x.size, threshold,
                    float(1 / (1 - rate)));
}

void logistic_noise(const BoundInstruction& i, Tile& t) {
  const View& y = i.views[0];
  const RandomKey key = random_key(t.step.seed, uint32_t(i.attribute(0)), t.step.step);
  t.kernels.logistic_noise(t.out(y), t.rows, width(y), key, uint64_t{t.first} * y.size);
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kActivation, .tile = activation},
    {.opcode = Opcode::kActivationGrad, .tile = activation_grad},
    {.opcode = Opcode::kConcat, .tile = concat},
    {.opcode = Opcode::kAdd, .tile = add},
    {.opcode = Opcode::kAddBias, .tile = add},
    {.opcode = Opcode::kMultiply, .tile = multiply},
    {.opcode = Opcode::kScaleColumns, .tile = multiply},
    {.opcode = Opcode::kScale, .tile = scale},
    {.opcode = Opcode::kSumColumns, .tile = sum_columns},
    {.opcode = Opcode::kBroadcastColumns, .tile = broadcast_columns},
    {.opcode = Opcode::kTranspose, .tile = transpose},
    {.opcode = Opcode::kSumInner, .tile = sum_inner},
    {.opcode = Opcode::kBroadcastInner, .tile = broadcast_inner},
    {.opcode = Opcode::kDropout, .tile = dropout},
    {.opcode = Opcode::kLogisticNoise, .tile = logistic_noise},
};

}  // namespace pairloom::elementwise_ops
