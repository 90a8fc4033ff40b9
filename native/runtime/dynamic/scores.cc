#include "runtime/dynamic/scores.h"

#include <algorithm>
#include <bit>

namespace pairloom {
namespace {

constexpr double kUnit = 0x1p32, kLn2 = 0x1.62e42fefa39efp-1;

// src/backends/reference/scores.ts explains both; the operations are the same, so that the bits are.
double exp2_of(double x) {
  if (x < -200) return 0;
  const double whole = std::floor(x), f = (x - whole) * kLn2;
  double sum = 1;
  for (int n = 18; n >= 1; --n) sum = 1 + (f * sum) / n;
  for (int n = 0; n < whole; ++n) sum *= 2;
  for (int n = 0; n > whole; --n) sum *= 0.5;
  return sum;
}

double log2_of(double x) {
  int whole = 0;
  double m = x;
  for (; m >= 2; ++whole) m *= 0.5;
  const double z = (m - 1) / (m + 1);
  double sum = 0;
  for (int n = 39; n >= 1; n -= 2) sum = sum * z * z + 1.0 / n;
  return whole + (2 * z * sum) / kLn2;
}

uint64_t decayed(uint64_t before, uint64_t occurrences, double now) {
  const double count = before == Scores::kFree ? 0 : exp2_of(double(before) / kUnit - now);
  return uint64_t(std::floor((now + log2_of(count + double(occurrences))) * kUnit));
}

// Occurrences and the step of the last use in 32 bits, in the order of eviction. src/backends/reference/lfu-score.ts
// explains the bits: those of a count that are not needed are for the step, which is rounded down to what they can
// tell.
constexpr uint64_t kClassBits = 27, kMostCount = (uint64_t{1} << 28) - 1;
constexpr uint64_t kExactSteps = 24;  // steps are exact in so many bits

struct Uses {
  uint64_t count, step;
};

uint64_t stamp_of(uint64_t step) {
  const uint64_t dropped = std::max<int64_t>(0, int64_t(std::bit_width(step)) - int64_t(kExactSteps));
  return (dropped << (kExactSteps - 1)) + (step >> dropped);
}

uint64_t step_of(uint64_t stamp) {
  const uint64_t halves = stamp >> (kExactSteps - 1), dropped = halves < 2 ? 0 : halves - 1;
  return (stamp - (dropped << (kExactSteps - 1))) << dropped;
}

uint64_t score_of(const Uses& uses) {
  const uint64_t count = std::clamp<uint64_t>(uses.count, 1, kMostCount), power = uint64_t(std::bit_width(count)) - 1;
  const uint64_t rest = count - (uint64_t{1} << power);
  return (power << kClassBits) | (rest << (kClassBits - power)) | (stamp_of(uses.step) >> power);
}

Uses uses_of(uint64_t score) {
  const uint64_t power = score >> kClassBits, bits = kClassBits - power;
  const uint64_t rest = (score & ((uint64_t{1} << kClassBits) - 1)) >> bits;
  return {(uint64_t{1} << power) + rest, step_of((score & ((uint64_t{1} << bits) - 1)) << power)};
}

uint64_t counted(uint64_t before, uint64_t occurrences, uint64_t step) {
  return score_of({(before == Scores::kFree ? 0 : uses_of(before).count) + occurrences, step});
}

// Whole blocks are compared at once, because few rows are found.
template <class Score>
uint32_t first_up_to(Score most, const Score* scores, uint32_t row, uint32_t end) {
  constexpr uint32_t kBlock = 64;
  const auto is_above = [&](uint32_t begin) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < kBlock; ++i) found |= uint32_t(scores[begin + i] <= most);
    return found == 0;
  };
  while (end - row >= kBlock && is_above(row)) row += kBlock;
  while (row < end && scores[row] > most) ++row;
  return row;
}

}  // namespace

Scores::Scores(const DynamicSpec& spec, uint64_t rows)
    : kind_(spec.evict), half_life_(spec.evict_number), wide_(spec.evict == Evict::kLfuDecay) {
  if (wide_) wide_scores_ = Block<uint64_t>(rows);
  else scores_ = Block<uint32_t>(rows);
}

uint64_t Scores::after(uint64_t before, uint64_t occurrences, uint64_t step) const {
  switch (kind_) {
    case Evict::kLfu: return counted(before, occurrences, step);
    case Evict::kLfuDecay: return decayed(before, occurrences, double(step) / half_life_);
    default: return step;
  }
}

uint32_t Scores::next_up_to(uint64_t most, uint32_t row, uint32_t end) const {
  if (wide_) return first_up_to(most, wide_scores_.data(), row, end);
  return first_up_to(uint32_t(std::min<uint64_t>(most, ~uint32_t{0})), scores_.data(), row, end);
}

uint64_t Scores::shown(uint64_t score) const { return kind_ == Evict::kLfu ? uses_of(score).count : score; }

uint64_t Scores::saved(uint64_t score) const {
  if (kind_ != Evict::kLfu) return score;
  const Uses uses = uses_of(score);
  return (uses.count << 32) | uses.step;
}

uint64_t Scores::restored(uint64_t saved) const {
  if (kind_ != Evict::kLfu) return saved;
  const uint64_t count = saved >> 32;
  return count == 0 ? score_of({saved, 0}) : score_of({count, saved & 0xffffffff});
}

}  // namespace pairloom
