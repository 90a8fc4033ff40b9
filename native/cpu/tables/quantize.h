// Quantized rows, with the bits of src/quantized-rows.ts.
#pragma once

#include <cstddef>
#include <cstdint>

namespace pairloom {

struct Quantized {
  uint64_t bits;   // 8 or 4
  uint64_t dim;    // numbers of a row
  uint64_t words;  // of 4 bytes, of a row: a scale, an offset, the integers, and what is left is 0

  bool fits() const { return words >= 2 + (dim * bits + 31) / 32; }
};

// The integers are equally spaced from the smallest to the largest of the numbers, and each number becomes the nearest.
void quantize_row(const float* numbers, const Quantized& as, char* to);

}  // namespace pairloom
