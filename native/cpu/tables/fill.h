// Initial values of parameters by counter-based draws: the same bits for any number of threads.
#pragma once

#include <cstdint>
#include <span>

#include "cpu/kernels/kernels.h"
#include "program/program.h"
#include "runtime/random.h"
#include "runtime/slot_map.h"

namespace pairloom {

enum class FillKind : uint32_t { kConstant, kUniform, kNormal };

// With unit(j) = (draw j >> 8) * 2^-24 of docs/design/program-format.md at step 0, element i is
//   constant  a
//   uniform   a + (b - a) * unit(i), from a to b
//   normal    a + b * sqrt(-2 ln(1 - unit(2i))) * cos(2 pi unit(2i + 1)), mean a and standard deviation b (Box, Muller)
// computed in double and rounded to fp32 once. Logarithm and cosine use only +, *, / and sqrt, which round identically
// on every machine, unlike the functions of the C library.
struct Fill {
  FillKind kind;
  double a, b;
  uint64_t seed;
  uint32_t stream;
  uint64_t first = 0;  // index of the first value
};

// Element i has the draws of index `first + i`, whatever the spec's first index is. 16-bit numbers are rounded to nearest.
void fill_row(void* to, DType dtype, size_t count, const Fill& spec, const RowDraws& draws);

void fill(std::span<float> values, const Fill& spec, uint32_t threads);
// The same, rounded to the nearest 16-bit number.
void fill(std::span<uint16_t> values, TableFormat format, const Fill& spec, uint32_t threads);

// The rows of a shard, each with the values that it has in the whole table, of `width` numbers a row.
void fill_shard(void* rows, DType dtype, uint64_t width, const Shard& shard, const Fill& spec, uint32_t threads);

}  // namespace pairloom
