// Conversion of single 16-bit numbers, for initializing and reading tables; not used in training.
#pragma once

#include <bit>
#include <cstdint>

#include "cpu/kernels/kernels.h"

namespace pairloom {

// Rounds to nearest, ties to even; above the largest finite number to infinity.
inline uint16_t nearest_half(float value, TableFormat format) {
  const uint32_t bits = std::bit_cast<uint32_t>(value), magnitude = bits & 0x7fffffffu, sign = (bits >> 16) & 0x8000u;
  const uint32_t shift = format == TableFormat::kFp16 ? 13 : 16;
  if (magnitude > 0x7f800000u) return uint16_t(sign | (format == TableFormat::kFp16 ? 0x7e00u : 0x7fc0u));
  // Adding 1/2 of 2^-24 aligns the sum's last bit with that of a subnormal binary16, so the sum is rounded correctly.
  if (format == TableFormat::kFp16 && magnitude < 0x38800000u) {
    return uint16_t(sign | (std::bit_cast<uint32_t>(std::bit_cast<float>(magnitude) + 0.5f) - 0x3f000000u));
  }
  const uint32_t even = (magnitude >> shift) & 1, rounded = (magnitude + (1u << (shift - 1)) - 1 + even) >> shift;
  if (format == TableFormat::kBf16) return uint16_t(sign | rounded);
  const uint32_t biased = rounded - (112u << 10);
  return uint16_t(sign | (biased > 0x7c00u ? 0x7c00u : biased));
}

}  // namespace pairloom
