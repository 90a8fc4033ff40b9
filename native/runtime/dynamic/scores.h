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
  static constexpr uint64_t kFree = ~uint64_t{0};  // of a row without a key

  Scores(const DynamicSpec& spec, uint64_t rows);

  uint64_t get(uint32_t row) const {
    if (wide_) return wide_scores_[row];
    const uint32_t score = scores_[row];
    return score == kNarrowFree ? kFree : score;
  }
  void set(uint32_t row, uint64_t score) {
    if (wide_) wide_scores_[row] = score;
    else scores_[row] = uint32_t(score);
  }
  // The first row from `row` on, and below `end`, whose score is not above `most`; `end` if there is none.
  uint32_t next_up_to(uint64_t most, uint32_t row, uint32_t end) const;
  void prefetch(uint32_t row) const {
    if (wide_) __builtin_prefetch(&wide_scores_[row], 1);
    else __builtin_prefetch(&scores_[row], 1);
  }
  void release(uint64_t first) {
    if (wide_) wide_scores_.release(first);
    else scores_.release(first);
  }

  // The score after a step with so many occurrences. `before` is kFree for a new key.
  uint64_t after(uint64_t before, uint64_t occurrences, uint64_t step) const;

  // A score as people read it: of kLfu, the occurrences.
  uint64_t shown(uint64_t score) const;
  // A score in the state of a table: of kLfu, 2^32 occurrences + step. States without steps are older.
  uint64_t saved(uint64_t score) const;
  uint64_t restored(uint64_t saved) const;

 private:
  static constexpr uint32_t kNarrowFree = ~uint32_t{0};

  const Evict kind_;
  const double half_life_;
  const bool wide_;
  Block<uint32_t> scores_;
  Block<uint64_t> wide_scores_;
};

}  // namespace pairloom
