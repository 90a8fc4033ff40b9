// Random numbers for tests: reproducible, named by a seed.
#pragma once

#include <cstdint>

#include "runtime/random.h"

namespace pairloom::test {

class Random {
 public:
  explicit Random(uint64_t seed) : key_(random_key(seed, 0, 0)) {}
  uint32_t next() { return draw(key_, index_++); }
  uint32_t below(uint32_t limit) { return next() % limit; }
  float unit() { return float(next() >> 8) * 0x1p-24f; }

 private:
  RandomKey key_;
  uint32_t index_ = 0;
};

}  // namespace pairloom::test
