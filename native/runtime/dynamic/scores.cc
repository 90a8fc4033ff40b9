#include "runtime/dynamic/scores.h"

#include <algorithm>
#include <bit>

namespace pairloom {
namespace {

constexpr double kLn2 = 0x1.62e42fefa39efp-1;

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

// A number of more than `bits` bits is rounded down to as many: first how many it drops, so that the order stays.
struct Rounded {
  uint64_t bits;

  uint64_t of(uint64_t number) const {
    const uint64_t width = uint64_t(std::bit_width(number)), dropped = width > bits ? width - bits : 0;
    return (dropped << (bits - 1)) + (number >> dropped);
  }
  uint64_t number(uint64_t rounded) const {
    const uint64_t halves = rounded >> (bits - 1), dropped = halves < 2 ? 0 : halves - 1;
    return (rounded - (dropped << (bits - 1))) << dropped;
  }
};

// The logarithm of a decayed count, and occurrences with the step of the last use, in 32 bits and in the order of
// eviction: src/backends/reference/scores.ts and lfu-score.ts explain the bits.
constexpr Rounded kLogarithm{28}, kStep{24};
constexpr uint64_t kFraction = 25, kSavedFraction = 32;  // bits of a logarithm behind the point
constexpr uint64_t kMostLogarithm = (uint64_t{1} << 57) - (uint64_t{1} << 29);

uint32_t decayed(uint32_t before, uint64_t occurrences, double now) {
  constexpr double kUnit = uint64_t{1} << kFraction;
  const double count = before == Scores::kFree ? 0 : exp2_of(double(kLogarithm.number(before)) / kUnit - now);
  const double after = std::floor((now + log2_of(count + double(occurrences))) * kUnit);
  return uint32_t(kLogarithm.of(std::min(uint64_t(after), kMostLogarithm)));
}

constexpr uint64_t kClassBits = 27, kMostCount = (uint64_t{1} << 28) - 1;

struct Uses {
  uint64_t count, step;
};

uint32_t score_of(const Uses& uses) {
  const uint64_t count = std::clamp<uint64_t>(uses.count, 1, kMostCount), power = uint64_t(std::bit_width(count)) - 1;
  const uint64_t rest = count - (uint64_t{1} << power);
  return uint32_t((power << kClassBits) | (rest << (kClassBits - power)) | (kStep.of(uses.step) >> power));
}

Uses uses_of(uint32_t score) {
  const uint64_t power = score >> kClassBits, bits = kClassBits - power;
  const uint64_t rest = (score & ((uint64_t{1} << kClassBits) - 1)) >> bits;
  return {(uint64_t{1} << power) + rest, kStep.number((score & ((uint64_t{1} << bits) - 1)) << power)};
}

uint32_t counted(uint32_t before, uint64_t occurrences, uint64_t step) {
  return score_of({(before == Scores::kFree ? 0 : uses_of(before).count) + occurrences, step});
}

}  // namespace

Scores::Scores(const DynamicSpec& spec, uint64_t rows)
    : kind_(spec.evict), half_life_(spec.evict_number), scores_(rows) {}

uint32_t Scores::after(uint32_t before, uint64_t occurrences, uint64_t step) const {
  switch (kind_) {
    case Evict::kLfu: return counted(before, occurrences, step);
    case Evict::kLfuDecay: return decayed(before, occurrences, double(step) / half_life_);
    default: return uint32_t(step);
  }
}

// Whole blocks are compared at once, because few rows are found.
uint32_t Scores::next_up_to(uint32_t most, uint32_t row, uint32_t end) const {
  constexpr uint32_t kBlock = 64;
  const auto is_above = [&](uint32_t begin) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < kBlock; ++i) found |= uint32_t(scores_[begin + i] <= most);
    return found == 0;
  };
  while (end - row >= kBlock && is_above(row)) row += kBlock;
  while (row < end && scores_[row] > most) ++row;
  return row;
}

uint64_t Scores::shown(uint32_t score) const { return kind_ == Evict::kLfu ? uses_of(score).count : saved(score); }

uint64_t Scores::saved(uint32_t score) const {
  if (kind_ == Evict::kLfuDecay) return kLogarithm.number(score) << (kSavedFraction - kFraction);
  if (kind_ != Evict::kLfu) return score;
  const Uses uses = uses_of(score);
  return (uses.count << 32) | uses.step;
}

uint32_t Scores::restored(uint64_t saved) const {
  if (kind_ == Evict::kLfuDecay) return uint32_t(kLogarithm.of(saved >> (kSavedFraction - kFraction)));
  if (kind_ != Evict::kLfu) return uint32_t(saved);
  const uint64_t count = saved >> 32;
  return count == 0 ? score_of({saved, 0}) : score_of({count, saved & 0xffffffff});
}

}  // namespace pairloom
