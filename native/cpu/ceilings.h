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

// Rows of a table larger than the caches, in random order, over all threads.
struct RowRates {
  double read_bytes;    // per second, copied to a buffer, as a lookup does
  double update_bytes;  // of the row, per second, each number read and written
};

// Takes about a second. Throws Error if memory is insufficient.
RowRates measure_row_rates(uint32_t dim, uint32_t threads);

}  // namespace pairloom
