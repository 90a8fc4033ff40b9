#include "cpu/tables/sort.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

namespace pairloom {
namespace {

constexpr uint32_t kMostDigitBits = 11;  // 2048 counters: 8 KiB, a quarter of a common first-level cache
constexpr size_t kSmall = 128;

template <class Key, class Digit>
void counting_pass(const Key* from, Key* to, size_t count, uint32_t bits, const Digit& digit_of) {
  uint32_t starts[(1u << kMostDigitBits) + 1];
  const uint32_t mask = (1u << bits) - 1;
  std::memset(starts, 0, (mask + 2) * sizeof starts[0]);
  for (size_t i = 0; i < count; ++i) ++starts[(digit_of(from[i]) & mask) + 1];
  for (uint32_t digit = 0; digit < mask; ++digit) starts[digit + 1] += starts[digit];
  for (size_t i = 0; i < count; ++i) to[starts[digit_of(from[i]) & mask]++] = from[i];
}

// Skipped after the last pass: keys and spare may have been swapped.
template <class Key, class Row>
Key* radix_sort(Key* keys, Key* spare, size_t count, uint64_t row_limit, const Row& row) {
  const uint32_t bits = std::max<uint32_t>(1, uint32_t(std::bit_width(row_limit - 1)));
  const uint32_t passes = (bits + kMostDigitBits - 1) / kMostDigitBits;
  const uint32_t digit = (bits + passes - 1) / passes;
  for (uint32_t pass = 0; pass < passes; ++pass) {
    counting_pass(keys, spare, count, digit, [&](const Key& key) { return row(key) >> pass * digit; });
    std::swap(keys, spare);
  }
  return keys;
}

}  // namespace

uint64_t* sort_by_row(uint64_t* keys, uint64_t* spare, size_t count, uint64_t row_limit) {
  if (count < kSmall) {  // the key contains the order, so any sort of whole keys is stable
    std::sort(keys, keys + count);
    return keys;
  }
  return radix_sort(keys, spare, count, row_limit, [](uint64_t key) { return key >> 32; });
}

WideKey* sort_by_row(WideKey* keys, WideKey* spare, size_t count, uint64_t row_limit) {
  return radix_sort(keys, spare, count, row_limit, [](const WideKey& key) { return key.row; });
}

}  // namespace pairloom
