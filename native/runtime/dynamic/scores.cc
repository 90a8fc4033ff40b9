#include "runtime/dynamic/scores.h"

#include <algorithm>

namespace pairloom {
namespace {

constexpr uint64_t kMost = 0xfffffffe;  // occurrences
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

}  // namespace

Scores::Scores(const DynamicSpec& spec, uint64_t rows)
    : kind_(spec.evict), half_life_(spec.evict_number), wide_(spec.evict == Evict::kLfuDecay) {
  if (wide_) wide_scores_ = Block<uint64_t>(rows);
  else scores_ = Block<uint32_t>(rows);
}

uint64_t Scores::after(uint64_t before, uint64_t occurrences, uint64_t step) const {
  switch (kind_) {
    case Evict::kLfu: return std::min(kMost, (before == kFree ? 0 : before) + occurrences);
    case Evict::kLfuDecay: return decayed(before, occurrences, double(step) / half_life_);
    default: return step;
  }
}

}  // namespace pairloom
