// The order of rows in an epoch (docs/design/program-format.md, "Row order").
#pragma once

#include <cstdint>

#include "runtime/random.h"

namespace pairloom {

// A pseudo-random permutation of [0, rows), computed for one position at a time: a balanced Feistel network over the
// smallest even number of bits that holds `rows`, cycle-walked into range (Black and Rogaway, "Ciphers with arbitrary
// finite domains", 2002). src/columns/order.ts implements the same.
class Permutation {
 public:
  Permutation(uint64_t rows, uint64_t seed, uint64_t epoch) : rows_(rows) {
    while (half_ < 32 && (uint64_t{1} << (2 * half_)) < rows) ++half_;
    for (uint32_t i = 0; i < kRounds; ++i) keys_[i] = random_key(seed, 0x5eed0000u + i, epoch);
  }

  // position < rows. Walks at most a few times on average: the domain is below 4 * rows.
  uint64_t operator()(uint64_t position) const {
    uint64_t x = once(position);
    while (x >= rows_) x = once(x);
    return x;
  }

 private:
  static constexpr uint32_t kRounds = 6;

  uint64_t once(uint64_t x) const {
    const uint32_t mask = uint32_t((uint64_t{1} << half_) - 1);
    uint32_t left = uint32_t(x >> half_), right = uint32_t(x) & mask;
    for (const RandomKey& key : keys_) {
      const uint32_t next = left ^ (draw(key, right) & mask);
      left = right;
      right = next;
    }
    return (uint64_t{left} << half_) | right;
  }

  uint64_t rows_;
  uint32_t half_ = 1;
  RandomKey keys_[kRounds];
};

}  // namespace pairloom
