// Quantized rows, with the bits of src/quantized-rows.ts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

struct Quantized {
  uint64_t bits;  // 8 or 4
  uint64_t dim;   // numbers of a row

  // Bytes of a row: a scale, an offset and the integers, in words of 4 bytes.
  uint64_t bytes() const { return 4 * (2 + (dim * bits + 31) / 32); }
};

// The integers are equally spaced from the smallest to the largest of the numbers, and each number becomes the nearest.
void quantize_row(const float* numbers, const Quantized& as, char* to);

}  // namespace pairloom
