// The kernels of one instruction set. Every entry works on plain memory: it knows rows and strides, but not programs.
// One source compiles into several namespaces (baseline, AVX2, AVX-512, NEON); dispatch.h selects one at load time.
#pragma once

#include <cstddef>
#include <cstdint>

#include "runtime/inline.h"
#include "runtime/optimizer_settings.h"
#include "runtime/random.h"

namespace pairloom {

enum class Activation : uint32_t {
  kNone, kRelu, kSigmoid, kTanh, kLeakyRelu, kSilu, kGelu, kSoftplus, kElu, kSin, kCos
};

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

// Ids of 32 or 64 bits.
struct ConstIds {
  const void* data;
  bool wide;
};

struct Bag {
  const void* data;      // its ids, of the width given by the buffer's dtype
  const float* weights;  // one per id; null: all are 1
  uint32_t count;
  uint32_t unused;

  template <class Id>
  PAIRLOOM_INLINE const Id* ids() const {
    return static_cast<const Id*>(data);
  }

  PAIRLOOM_INLINE float weight(uint32_t position) const { return weights == nullptr ? 1.0f : weights[position]; }
};
static_assert(sizeof(Bag) == 24);

// Storage formats of a table.
enum class TableFormat : uint32_t { kFp32, kFp16, kBf16 };

// The rows of a table, consecutive.
struct ConstTable {
  const void* data;
  TableFormat format;
};

// A row of integers of few bits: a scale and an offset, then `dim` integers, in `words` words.
struct QuantizedRow {
  uint32_t words, dim, bits;
};

// A layer of a compressed interaction network: rows of x [maps][dim], x0 [fields][dim] and y [units][dim], and the
// pairs (map h, field f) in row-major order; only those with h <= f if `upper` (then maps = fields).
struct InteractionShape {
  uint32_t rows, maps, fields, dim, units;
  bool upper;
  PAIRLOOM_INLINE size_t pairs() const {
    return upper ? size_t{fields} * (size_t{fields} + 1) / 2 : size_t{maps} * fields;
  }
};

// A term scale * x of a sum along a tree. It is added to the sum that the term before it belongs to (kSameSum), or
// begins a sum; before that, the last `folds` + 1 sums become one, from the last to the first.
struct TreeTerm {
  const float* x;
  float scale;
  int32_t folds;
  static constexpr int32_t kSameSum = -1;
};
constexpr size_t kMostTreeSums = 17;  // one per level of a tree of 2^16 groups

// Output or input of an activation, as activation_grad takes it; null data: none.
struct Slope {
  ConstRows s = {nullptr, 0};
  Activation act = Activation::kNone;
};

// Columns [begin, end) of a packed matrix: whole panels, except for the last column.
struct PackedColumns {
  uint32_t begin, end;
};
constexpr uint32_t kPackedPanel = 32;

// Rows that are summed in parts of `part` rows each, of which the last may have fewer: at most two parts, and at most
// kMostSummedRows rows.
struct RowParts {
  uint32_t count, part;
};
constexpr uint32_t kMostSummedRows = 256;

// Dense layers. Weights are packed into panels of columns that the micro-kernel reads with unit stride. scratch:
// scratch_size floats, 64-byte aligned.
struct LinearKernels {
  // Floats needed to pack a matrix with this many output columns and summed elements.
  size_t (*packed_size)(uint32_t columns, uint32_t depth);
  size_t (*scratch_size)(uint32_t rows, uint32_t n, uint32_t k);
  // y = act(x W^T + b), W [n, k]: pack_forward packs some of the n columns of W^T for it.
  void (*pack_forward)(const float* w, uint32_t n, uint32_t k, PackedColumns columns, float* packed);
  void (*forward)(ConstRows x, const float* packed, const float* bias /* or null */, Rows y, uint32_t rows, uint32_t n,
                  uint32_t k, Activation act, float* scratch);
  // dx = dz W, optionally times a slope: pack_backward packs some of the k columns of W for it.
  void (*pack_backward)(const float* w, uint32_t n, uint32_t k, PackedColumns columns, float* packed);
  void (*grad_input)(ConstRows dz, const float* packed, const Slope& slope, Rows dx, uint32_t rows, uint32_t n,
                     uint32_t k, float* scratch);
  // dw [n, k] = (add ? dw : 0) + the sum of dz^T x over each part of the rows. The parts are summed separately, then
  // added to each other, then to dw.
  void (*grad_weight)(ConstRows dz, ConstRows x, float* dw, RowParts rows, uint32_t n, uint32_t k, bool add,
                      float* scratch);
};

struct KernelTable {
  const char* isa;

  // Dense layers with operands in fp32 or rounded to bfloat16; sums are fp32.
  LinearKernels linear_f32, linear_bf16;

#define KERNEL(result, name, parameters) result(*name) parameters = nullptr;
#define TABLE_OPTIMIZER(operation, kernel, settings, whole, parameters) KERNEL(void, kernel, parameters)
#include "cpu/kernels/kernels.def"
#include "cpu/kernels/table_optimizers.def"
#undef TABLE_OPTIMIZER
#undef KERNEL
};

}  // namespace pairloom
