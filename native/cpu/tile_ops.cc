#include "cpu/tile_ops.h"

#include <algorithm>
#include <cmath>

#include "runtime/random.h"

namespace pairloom::tile_ops {
namespace {

uint32_t width(const View& view) { return uint32_t(view.size); }
Activation fn(const BoundInstruction& i) { return Activation(uint32_t(i.attribute(0))); }
float eps(const BoundInstruction& i) { return float(i.attribute(0)); }

// Ids and bags start at the beginning of their buffer's row, one after the other.
const int32_t* ids(const Tile& t, const View& view) { return reinterpret_cast<const int32_t*>(t.at(view)); }
const Bag* bags(const Tile& t, const View& view) { return reinterpret_cast<const Bag*>(t.at(view)); }

void fill(Rows out, uint32_t rows, size_t count, float value) {
  for (uint32_t r = 0; r < rows; ++r) std::fill_n(out.row(r), count, value);
}

// Lines of n numbers, `rows` of them, `stride` apart in each operand.
struct Block {
  float* data[3];
  size_t strides[3];
  uint32_t first, rows, n;
  ConstRows in(uint32_t operand) const { return {data[operand], strides[operand]}; }
  Rows out(uint32_t operand) const { return {data[operand], strides[operand]}; }
};

// A row operand [..., n] is several lines of n a row. A kernel that works line by line takes them all at once where
// rows are one line, or follow one another without a gap; else the lines of one row at a time.
template <class Run>
void each_block(std::initializer_list<const View*> views, const Tile& t, Run run) {
  const View& shape = **views.begin();
  const uint32_t n = shape.dims[shape.ndims - 1], lines = width(shape) / n;
  bool dense = true;
  for (const View* view : views) dense = dense && view->stride == view->size;
  const bool whole = lines == 1 || dense;
  for (uint32_t row = 0; row < t.rows; row += whole ? t.rows : 1) {
    Block block{{}, {}, row, whole ? t.rows * lines : lines, n};
    uint32_t operand = 0;
    for (const View* view : views) {
      block.data[operand] = t.at(*view) + row * view->stride;
      block.strides[operand++] = lines == 1 ? view->stride : n;
    }
    run(block);
  }
}

}  // namespace

void input(const BoundInstruction& i, Tile& t) { t.step.loader->load(uint32_t(i.attribute(0)), i.views[0], t); }

void constant_rows(const BoundInstruction& i, Tile& t) {
  fill(t.out(i.views[0]), t.rows, i.views[0].size, float(i.attribute(0)));
}

void embedding(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.embedding(v[0].table(), v[0].dims[1], ids(t, v[1]), 1, t.out(v[2]), t.rows);
}

void embedding_bag(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.embedding_bag(v[0].table(), v[0].dims[1], bags(t, v[1]), 1, t.out(v[2]), t.rows, i.attribute(0) == 1);
}

const LinearKernels& linear_kernels(const KernelTable& kernels, const BoundInstruction& i) {
  return i.source->attributes.back() == 1 ? kernels.linear_bf16 : kernels.linear_f32;
}

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
  linear_kernels(t.kernels, i).forward(t.in(v[0]), i.packed, bias, t.out(v.back()), t.rows, v[1].dims[0],
                                       v[1].dims[1], fn(i), t.worker.scratch.data());
}

void linear_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const Slope slope = i.attribute(1) == 1 ? Slope{t.in(v[2]), fn(i)} : Slope{};
  linear_kernels(t.kernels, i).grad_input(t.in(v[0]), i.packed, slope, t.out(v.back()), t.rows, v[1].dims[0],
                                          v[1].dims[1], t.worker.scratch.data());
}

void linear_grad_weight(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  linear_kernels(t.kernels, i).grad_weight(t.in(v[0]), t.in(v[1]), t.at(v[2]), t.rows, v[2].dims[0], v[2].dims[1],
                                           t.accumulate(), t.worker.scratch.data());
}

void sum_rows(const BoundInstruction& i, Tile& t) {
  t.kernels.sum_rows(t.in(i.views[0]), t.at(i.views[1]), t.rows, width(i.views[0]), t.accumulate());
}

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

void transpose(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  t.kernels.transpose(t.in(x), t.out(i.views[1]), t.rows, x.dims[0], x.dims[1]);
}

void softmax(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1]}, t, [&](const Block& x) { t.kernels.softmax(x.in(0), x.out(1), x.rows, x.n); });
}

void softmax_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1], &v[2]}, t,
             [&](const Block& x) { t.kernels.softmax_grad(x.in(0), x.in(1), x.out(2), x.rows, x.n); });
}

namespace {

// The attribute says whether only pairs of the upper triangle count.
InteractionShape interaction(const BoundInstruction& i, const View& x, const View& x0, const View& y, uint32_t rows) {
  return {rows, x.dims[0], x0.dims[0], x.dims[1], y.dims[0], i.attribute(0) == 1};
}
InteractionShape interaction_grad(const BoundInstruction& i, uint32_t rows) {
  return interaction(i, i.views[1], i.views[2], i.views[0], rows);
}

}  // namespace

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
  t.kernels.compressed_interaction_grad_input(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.at(v[3]), t.out(v[4]),
                                              t.out(v[5]), interaction_grad(i, t.rows), t.worker.scratch.data());
}

void compressed_interaction_grad_weight(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.compressed_interaction_grad_weight(t.in(v[0]), t.in(v[1]), t.in(v[2]), t.at(v[3]),
                                               interaction_grad(i, t.rows), t.accumulate(), t.worker.scratch.data());
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

void batch_moments(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_moments(t.in(v[0]), t.at(v[1]), t.at(v[2]), t.rows, width(v[0]), t.seen);
}

void batch_normalize(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_normalize(t.in(v[0]), t.at(v[1]), t.at(v[2]), t.at(v[3]), t.at(v[4]), t.out(v[5]), t.rows,
                            width(v[0]), eps(i));
}

void batch_norm_grad_sums(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_norm_grad_sums(t.in(v[0]), t.in(v[1]), t.at(v[2]), t.at(v[3]), t.at(v[4]), t.at(v[5]), t.rows,
                                 width(v[0]), eps(i), t.accumulate());
}

void batch_norm_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_norm_grad_input(t.in(v[0]), t.in(v[1]), t.at(v[2]), t.at(v[3]), t.at(v[4]), t.at(v[5]), t.at(v[6]),
                                  t.out(v[7]), t.rows, width(v[0]), eps(i), t.step.rows);
}

void layer_norm(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[3]}, t, [&](const Block& x) {
    t.kernels.layer_norm(x.in(0), t.at(v[1]), t.at(v[2]), x.out(1), x.rows, x.n, eps(i));
  });
}

void layer_norm_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1], &v[3]}, t, [&](const Block& x) {
    t.kernels.layer_norm_grad_input(x.in(0), x.in(1), t.at(v[2]), x.out(2), x.rows, x.n, eps(i));
  });
}

void layer_norm_grad_params(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1]}, t, [&](const Block& x) {
    t.kernels.layer_norm_grad_params(x.in(0), x.in(1), t.at(v[2]), t.at(v[3]), x.rows, x.n, eps(i),
                                     t.accumulate() || x.first > 0);
  });
}

void dropout(const BoundInstruction& i, Tile& t) {
  const View& x = i.views[0];
  const double rate = i.attribute(0);
  const RandomKey key = random_key(t.step.seed, uint32_t(i.attribute(1)), t.step.step);
  const uint32_t threshold = uint32_t(std::floor(rate * 4294967296.0));  // rate < 1: it fits
  t.kernels.dropout(t.in(x), t.out(i.views[1]), t.rows, width(x), key, uint64_t{t.first} * x.size, threshold,
                    float(1 / (1 - rate)));
}

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

void batch_mean(const BoundInstruction& i, Tile& t) { sum_rows(i, t); }

void batch_mean_grad(const BoundInstruction& i, Tile& t) {
  fill(t.out(i.views[1]), t.rows, 1, *t.at(i.views[0]) / float(t.step.rows));
}

}  // namespace pairloom::tile_ops
