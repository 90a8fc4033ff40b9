// Batch and layer normalization, and softmax.
#include <initializer_list>

#include "cpu/operation.h"
#include "cpu/reduce.h"

namespace pairloom::normalization_ops {
namespace {

float eps(const BoundInstruction& i) { return float(i.attribute(0)); }

// Lines of n numbers, `rows` of them, `stride` apart in each operand.
struct Block {
  float* data[3];
  size_t strides[3];
  uint32_t first, rows, n;
  ConstRows in(uint32_t operand) const { return {data[operand], strides[operand]}; }
  Rows out(uint32_t operand) const { return {data[operand], strides[operand]}; }
};

// A row operand [..., n] has several lines of n per row. A kernel that works line by line gets all lines at once if
// rows have one line or are contiguous; otherwise the lines of one row at a time.
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

void softmax(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1]}, t, [&](const Block& x) { t.kernels.softmax(x.in(0), x.out(1), x.rows, x.n); });
}

void softmax_grad(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  each_block({&v[0], &v[1], &v[2]}, t,
             [&](const Block& x) { t.kernels.softmax_grad(x.in(0), x.in(1), x.out(2), x.rows, x.n); });
}

void batch_moments(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  const auto moments = [&](const Tile& part, const Reduced& out) {
    part.kernels.batch_moments(part.in(v[0]), out.to[0], out.to[1], part.rows, width(v[0]));
  };
  reduce(i, t, 2, moments,
         [&](const Reduced& into, const Reduced& from) { merge_moments(into, from, into, width(v[0])); });
}

void batch_normalize(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_normalize(t.in(v[0]), t.at(v[1]), t.at(v[2]), t.at(v[3]), t.at(v[4]), t.out(v[5]), t.rows,
                            width(v[0]), eps(i));
}

void batch_norm_grad_sums(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  reduce_sums(i, t, 2, [&](const Tile& part, const Reduced& out) {
    part.kernels.batch_norm_grad_sums(part.in(v[0]), part.in(v[1]), part.at(v[2]), part.at(v[3]), out.to[0], out.to[1],
                                      part.rows, width(v[0]), eps(i));
  });
}

void batch_norm_grad_input(const BoundInstruction& i, Tile& t) {
  const auto& v = i.views;
  t.kernels.batch_norm_grad_input(t.in(v[0]), t.in(v[1]), t.at(v[2]), t.at(v[3]), t.at(v[4]), t.at(v[5]), t.at(v[6]),
                                  t.out(v[7]), t.rows, width(v[0]), eps(i), t.step.rows);
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
  reduce_sums(i, t, 2, [&](const Tile& part, const Reduced& out) {
    each_block({&v[0], &v[1]}, part, [&](const Block& x) {
      part.kernels.layer_norm_grad_params(x.in(0), x.in(1), out.to[0], out.to[1], x.rows, x.n, eps(i), x.first > 0);
    });
  });
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kSoftmax, .tile = softmax},
    {.opcode = Opcode::kSoftmaxGrad, .tile = softmax_grad},
    {.opcode = Opcode::kBatchMoments, .tile = batch_moments},
    {.opcode = Opcode::kBatchNormalize, .tile = batch_normalize},
    {.opcode = Opcode::kBatchNormGradSums, .tile = batch_norm_grad_sums},
    {.opcode = Opcode::kBatchNormGradInput, .tile = batch_norm_grad_input},
    {.opcode = Opcode::kUpdateRunning, .fixed = update_running},
    {.opcode = Opcode::kLayerNorm, .tile = layer_norm},
    {.opcode = Opcode::kLayerNormGradInput, .tile = layer_norm_grad_input},
    {.opcode = Opcode::kLayerNormGradParams, .tile = layer_norm_grad_params},
};

}  // namespace pairloom::normalization_ops
