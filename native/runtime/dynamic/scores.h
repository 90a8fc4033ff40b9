// The score of each row, which eviction goes by: the step of the last use, a count of occurrences, or both. In a step,
// the rows in use count their occurrences in its place.
#pragma once

#include <cmath>
#include <cstdint>

#include "runtime/dynamic/spec.h"
#include "runtime/memory.h"

namespace pairloom {

class Scores {
 public:
  static constexpr uint32_t kFree = ~uint32_t{0};  // of a row without a key

  Scores(const DynamicSpec& spec, uint64_t rows);

  uint32_t get(uint32_t row) const { return scores_[row]; }
  void set(uint32_t row, uint32_t score) { scores_[row] = score; }
  // The first row from `row` on, and below `end`, whose score is not above `most`; `end` if there is none.
  uint32_t next_up_to(uint32_t most, uint32_t row, uint32_t end) const;
  void prefetch(uint32_t row) const { __builtin_prefetch(&scores_[row], 1); }
  void release(uint64_t first) { scores_.release(first); }

  // The score after a step with the given number of occurrences. `before` is kFree for a new key.
  uint32_t after(uint32_t before, uint64_t occurrences, uint64_t step) const;

  // A score as people read it: of kLfu, the occurrences.
  uint64_t shown(uint32_t score) const;
  // A score in the state of a table: of kLfu, 2^32 occurrences + step, where states without steps are older; of
  // kLfuDecay, 2^32 times the logarithm.
  uint64_t saved(uint32_t score) const;
  uint32_t restored(uint64_t saved) const;

 private:
  const Evict kind_;
  const double half_life_;
  Block<uint32_t> scores_;
};

}  // namespace pairloom
