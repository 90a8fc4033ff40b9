// Measures the maximum throughput of this machine, for comparison in profiles.
#pragma once

#include <cstdint>

namespace pairloom {

// Sums over all threads.
struct Ceilings {
  double flops;         // fp32 operations per second with the selected instruction set; a multiply-add counts as two
  double bf16_flops;    // bfloat16 products summed in fp32; equals `flops` if there is no instruction for it
  double memory_bytes;  // per second, read sequentially from memory
  double cache_bytes;   // per second, read from data that fits in each core's second-level cache
};

// Takes about a quarter of a second. Throws Error if memory is insufficient.
Ceilings measure_ceilings(uint32_t threads);

}  // namespace pairloom
