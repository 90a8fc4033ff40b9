// What this machine can do at most, measured on the spot: the yardstick of a profile.
#pragma once

#include <cstdint>

namespace pairloom {

// Of all threads together.
struct Ceilings {
  double flops;         // fp32 operations a second, a multiply-add counting two, with the selected instruction set
  double bf16_flops;    // of products of bfloat16 summed in fp32: where there is no instruction for it, as `flops`
  double memory_bytes;  // a second, read from memory in sequence
  double cache_bytes;   // a second, read from memory that fits the second-level cache of each core
};

// Takes about a quarter of a second. Throws Error where there is no memory for it.
Ceilings measure_ceilings(uint32_t threads);

}  // namespace pairloom
