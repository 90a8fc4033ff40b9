// The kernels of one instruction set. Every entry works on plain memory: it knows rows and strides, not
// programs. One source compiles into several namespaces (baseline, AVX2, AVX-512, NEON); dispatch.h picks one
// at load time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/inline.h"
#include "runtime/random.h"

namespace pairloom {

enum class Activation : uint32_t { kNone, kRelu, kSigmoid, kTanh, kLeakyRelu, kSilu, kGelu, kSoftplus, kElu };

// Row r of a row-major matrix starts at data + r * stride (stride in elements).
struct Rows {
  float* data;
  size_t stride;
  PAIRLOOM_INLINE float* row(size_t r) const { return data + r * stride; }
};
struct ConstRows {
  const float* data;
  size_t stride;
  PAIRLOOM_INLINE const float* row(size_t r) const { return data + r * stride; }
};

struct Bag {
  const int32_t* ids;
  const float* weights;  // one for each id; null: all are 1
  uint32_t count;
  uint32_t unused;

  PAIRLOOM_INLINE float weight(uint32_t position) const { return weights == nullptr ? 1.0f : weights[position]; }
};
static_assert(sizeof(Bag) == 24);

// rest: 1 - beta and correction: 1 - beta^t, both computed in double (1 - 0.999f is off by 1.3e-5 of itself).
struct AdamSettings {
  float beta1, beta2, rest1, rest2, eps, l2, weight_decay, correction1, correction2;
};

// rest: 1 - decay, computed in double.
struct FadingSettings {
  float decay, rest, eps, l2;
};

struct LarsSettings {
  float momentum, eta, weight_decay, l2;
};

// How a table keeps its numbers.
enum class TableFormat : uint32_t { kFloat, kFloat16, kBfloat16 };

// The rows of a table, one after the other.
struct ConstTable {
  const void* data;
  TableFormat format;
};

// A layer of a compressed interaction network: rows of x [maps][dim], x0 [fields][dim] and y [units][dim], and the
// pairs (map h, field f) in row-major order; only those with h <= f where `upper` (then maps = fields).
struct InteractionShape {
  uint32_t rows, maps, fields, dim, units;
  bool upper;
  PAIRLOOM_INLINE size_t pairs() const {
    return upper ? size_t{fields} * (size_t{fields} + 1) / 2 : size_t{maps} * fields;
  }
};

// Of an activation, as activation_grad takes it; no data: none.
struct Slope {
  ConstRows s = {nullptr, 0};
  Activation act = Activation::kNone;
};

// Dense layers. Weights are packed into panels of columns that the micro-kernel reads with unit stride. scratch: as
// many floats as scratch_size says, 64-byte aligned.
struct LinearKernels {
  // Floats needed to pack a matrix with so many output columns and summed elements.
  size_t (*packed_size)(uint32_t columns, uint32_t depth);
  size_t (*scratch_size)(uint32_t rows, uint32_t n, uint32_t k);
  // y = act(x W^T + b), W [n, k]: pack_forward lays W out for it.
  void (*pack_forward)(const float* w, uint32_t n, uint32_t k, float* packed);
  void (*forward)(ConstRows x, const float* packed, const float* bias /* or null */, Rows y, uint32_t rows,
                  uint32_t n, uint32_t k, Activation act, float* scratch);
  // dx = dz W, times a slope where there is one: pack_backward lays W out for it.
  void (*pack_backward)(const float* w, uint32_t n, uint32_t k, float* packed);
  void (*grad_input)(ConstRows dz, const float* packed, const Slope& slope, Rows dx, uint32_t rows, uint32_t n,
                     uint32_t k, float* scratch);
  // dw [n, k] = (accumulate ? dw : 0) + dz^T x over the rows.
  void (*grad_weight)(ConstRows dz, ConstRows x, float* dw, uint32_t rows, uint32_t n, uint32_t k,
                      bool accumulate, float* scratch);
};

struct KernelTable {
  const char* isa;

  // Dense layers, with operands in f32 or rounded to bfloat16; sums are f32.
  LinearKernels linear_f32, linear_bf16;
  void (*sum_rows)(ConstRows x, float* out, uint32_t rows, uint32_t n, bool accumulate);

  // Elementwise, row by row.
  void (*activation)(ConstRows x, Rows y, uint32_t rows, uint32_t n, Activation act);
  void (*activation_grad)(ConstRows dy, ConstRows s, Rows dx, uint32_t rows, uint32_t n, Activation act);
  void (*copy)(ConstRows x, Rows y, uint32_t rows, uint32_t n);
  void (*add)(ConstRows a, ConstRows b, Rows y, uint32_t rows, uint32_t n);
  void (*multiply)(ConstRows a, ConstRows b, Rows y, uint32_t rows, uint32_t n);
  void (*scale)(ConstRows x, float factor, Rows y, uint32_t rows, uint32_t n);
  void (*sum_columns)(ConstRows x, Rows y, uint32_t rows, uint32_t n);
  void (*broadcast_columns)(ConstRows x, Rows y, uint32_t rows, uint32_t n);
  void (*dropout)(ConstRows x, Rows y, uint32_t rows, uint32_t n, RandomKey key, uint64_t first_index,
                  uint32_t threshold, float keep_scale);

  // Products of embeddings: x [rows][F][D], contiguous within a row.
  void (*dot_interaction)(ConstRows x, Rows z, uint32_t rows, uint32_t fields, uint32_t dim);
  void (*dot_interaction_grad)(ConstRows dz, ConstRows x, Rows dx, uint32_t rows, uint32_t fields,
                               uint32_t dim);
  void (*factorization_machine)(ConstRows x, Rows y, uint32_t rows, uint32_t fields, uint32_t dim);
  void (*factorization_machine_grad)(ConstRows dz, ConstRows x, Rows dx, uint32_t rows, uint32_t fields,
                                     uint32_t dim);

  // c [m, n] = op(a) [m, k] op(b) [k, n] in every row, matrices contiguous within it; stride 0: the same matrix
  // for all rows. op transposes what is flagged.
  void (*batch_matmul)(ConstRows a, ConstRows b, Rows c, uint32_t rows, uint32_t m, uint32_t n, uint32_t k,
                       bool transpose_a, bool transpose_b);
  void (*transpose)(ConstRows x, Rows y, uint32_t rows, uint32_t m, uint32_t n);
  void (*softmax)(ConstRows x, Rows y, uint32_t rows, uint32_t n);
  void (*softmax_grad)(ConstRows dy, ConstRows y, Rows dx, uint32_t rows, uint32_t n);

  // y_n = b_n + sum over pairs of w [units][pairs] x_h x0_f, and its gradients; dw accumulates where asked. scratch:
  // as many floats as compressed_interaction_scratch says, 64-byte aligned.
  size_t (*compressed_interaction_scratch)(const InteractionShape& shape);
  void (*compressed_interaction)(ConstRows x, ConstRows x0, const float* w, const float* bias /* or null */,
                                 Rows y, const InteractionShape& shape, float* scratch);
  void (*compressed_interaction_grad_input)(ConstRows dy, ConstRows x, ConstRows x0, const float* w, Rows dx,
                                            Rows dx0, const InteractionShape& shape, float* scratch);
  void (*compressed_interaction_grad_weight)(ConstRows dy, ConstRows x, ConstRows x0, float* dw,
                                             const InteractionShape& shape, bool accumulate, float* scratch);

  // Normalisation. batch_moments keeps (mean, M2) of the rows seen so far; `seen` counts them (0: overwrite).
  void (*batch_moments)(ConstRows x, float* mean, float* m2, uint32_t rows, uint32_t n, uint32_t seen);
  void (*batch_normalize)(ConstRows x, const float* mean, const float* var, const float* gamma,
                          const float* beta, Rows y, uint32_t rows, uint32_t n, float eps);
  void (*batch_norm_grad_sums)(ConstRows dy, ConstRows x, const float* mean, const float* var, float* sum_dy,
                               float* sum_dy_xhat, uint32_t rows, uint32_t n, float eps, bool accumulate);
  void (*batch_norm_grad_input)(ConstRows dy, ConstRows x, const float* mean, const float* var,
                                const float* gamma, const float* sum_dy, const float* sum_dy_xhat, Rows dx,
                                uint32_t rows, uint32_t n, float eps, uint32_t batch_rows);
  void (*layer_norm)(ConstRows x, const float* gamma, const float* beta, Rows y, uint32_t rows, uint32_t n,
                     float eps);
  void (*layer_norm_grad_input)(ConstRows dy, ConstRows x, const float* gamma, Rows dx, uint32_t rows,
                                uint32_t n, float eps);
  void (*layer_norm_grad_params)(ConstRows dy, ConstRows x, float* dgamma, float* dbeta, uint32_t rows,
                                 uint32_t n, float eps, bool accumulate);

  // Loss on logits; all operands [rows][1].
  void (*sigmoid_cross_entropy)(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows);
  void (*sigmoid_cross_entropy_grad)(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz,
                                     uint32_t rows);

  void (*focal_cross_entropy)(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows, float gamma,
                              float alpha);
  void (*focal_cross_entropy_grad)(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz, uint32_t rows,
                                   float gamma, float alpha);

  // logits [rows][classes], labels and loss [rows][1]. A label that is none of the classes makes NaN.
  void (*softmax_cross_entropy)(ConstRows logits, ConstRows labels, Rows loss, uint32_t rows, uint32_t classes,
                                float smoothing);
  void (*softmax_cross_entropy_grad)(ConstRows dl, ConstRows logits, ConstRows labels, Rows dz, uint32_t rows,
                                     uint32_t classes, float smoothing);

  // Embeddings: ids are verified (0 <= id < table rows) before they get here.
  void (*embedding)(ConstTable table, uint32_t dim, const int32_t* ids, size_t id_stride, Rows y,
                    uint32_t rows);
  void (*embedding_bag)(ConstTable table, uint32_t dim, const Bag* bags, size_t bag_stride, Rows y,
                        uint32_t rows, bool mean);
  // 16-bit numbers as f32, exactly; and f32 by stochastic rounding as 16-bit numbers: number i by the draw of index
  // first_index + i (docs/design/program-format.md, "16-bit tables").
  void (*widen)(const uint16_t* from, float* to, size_t n, TableFormat format);
  void (*round_stochastically)(const float* from, uint16_t* to, size_t n, TableFormat format, RandomKey key,
                               uint64_t first_index);

  // Optimizers over n contiguous elements.
  void (*sgd)(float* w, const float* g, size_t n, float lr, float l2);
  void (*adagrad)(float* w, const float* g, float* sum, size_t n, float lr, float eps, float l2);
  void (*row_wise_adagrad)(float* w, const float* g, float* sum /* 1 */, size_t dim, float lr, float eps,
                           float l2);
  void (*adam)(float* w, const float* g, float* m, float* v, size_t n, float lr,
               const AdamSettings& settings);
  void (*rmsprop)(float* w, const float* g, float* square, size_t n, float lr, const FadingSettings& settings);
  void (*adadelta)(float* w, const float* g, float* square, float* delta, size_t n, float lr,
                   const FadingSettings& settings);
  // Of one row of a table: its norms, or its one second moment, are the row's own.
  void (*lamb)(float* w, const float* g, float* m, float* v, size_t dim, float lr,
               const AdamSettings& settings);
  void (*partial_row_wise_adam)(float* w, const float* g, float* m, float* v /* 1 */, size_t dim, float lr,
                                const AdamSettings& settings);
  void (*partial_row_wise_lamb)(float* w, const float* g, float* m, float* v /* 1 */, size_t dim, float lr,
                                const AdamSettings& settings);
  void (*lars_sgd)(float* w, const float* g, float* m, size_t dim, float lr, const LarsSettings& settings);
  void (*moving_average)(float* average, const float* w, size_t n, float decay, float rest);
  float (*sum_squares)(const float* x, size_t n);
  void (*clip_value)(const float* x, float* y, size_t n, float limit);
  void (*scale_by)(const float* x, float* y, size_t n, float factor);
  // acc[i] += scale * g[i]; out = a row's gradient while duplicates are summed.
  void (*accumulate)(float* acc, const float* g, size_t n, float scale);
};

}  // namespace pairloom
