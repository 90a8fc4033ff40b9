// Compiled with -ffp-contract=off: a fused multiply-add would round differently from the same formulas in TypeScript.
#include "cpu/tables/fill.h"

#include <algorithm>
#include <cmath>

#include "cpu/pool.h"
#include "runtime/random.h"
#include "cpu/tables/halves.h"

namespace pairloom {
namespace {

constexpr size_t kChunk = size_t{1} << 16;
constexpr double kTau = 6.283185307179586, kLn2 = 0.6931471805599453;

// 24 random bits in [0, 1).
double unit(uint32_t drawn) { return double(drawn >> 8) * 0x1p-24; }

// ln(x) for 0 < x <= 1: x = m * 2^e with m in [sqrt(1/2), sqrt(2)), ln(m) = 2 atanh((m - 1) / (m + 1)).
double natural_log(double x) {
  int exponent;
  double m = std::frexp(x, &exponent);
  if (m < 0.7071067811865476) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 0;
  for (int n = 21; n >= 1; n -= 2) series = series * square + 1.0 / n;
  return 2 * s * series + exponent * kLn2;
}

// Taylor series for |x| <= pi/4: the terms left out are below 1e-17.
double small_sin(double x) {
  double sum = 0;
  for (int n = 17; n >= 3; n -= 2) sum = (1 + sum) * (-x * x / double(n * (n - 1)));
  return x * (1 + sum);
}
double small_cos(double x) {
  double sum = 0;
  for (int n = 18; n >= 2; n -= 2) sum = (1 + sum) * (-x * x / double(n * (n - 1)));
  return 1 + sum;
}

float initial_value(uint64_t i, const Fill& spec, RandomKey key) {
  switch (spec.kind) {
    case FillKind::kConstant: return float(spec.a);
    case FillKind::kUniform: return float(spec.a + (spec.b - spec.a) * unit(draw(key, i)));
    case FillKind::kNormal: break;
  }
  return float(spec.a + spec.b * box_muller(draw(key, 2 * i), draw(key, 2 * i + 1)));
}

// set(i, value) for every element.
template <class Set>
void fill_elements(size_t count, const Fill& spec, uint32_t threads, const Set& set) {
  const RandomKey key = random_key(spec.seed, spec.stream, 0);
  const size_t chunks = (count + kChunk - 1) / kChunk;
  Pool pool(uint32_t(std::min<size_t>(threads, chunks > 0 ? chunks : 1)));
  pool.run(uint32_t(chunks), [&](uint32_t chunk, uint32_t) {
    const size_t begin = chunk * kChunk, end = std::min(begin + kChunk, count);
    for (size_t i = begin; i < end; ++i) set(i, initial_value(spec.first + i, spec, key));
  });
}

}  // namespace

double box_muller(uint32_t first, uint32_t second) {
  // The angle in quarter turns: the nearest whole quarter, and at most an eighth of a turn beside it.
  const uint32_t angle = second & ~0xffu, quarter = (angle + 0x20000000u) >> 30;
  const double rest = double(int32_t(angle - (quarter << 30))) * 0x1p-32 * kTau;
  const double cosine = quarter % 2 == 0 ? small_cos(rest) : small_sin(rest);
  const bool negative = quarter == 1 || quarter == 2;
  return std::sqrt(-2 * natural_log(1 - unit(first))) * (negative ? -cosine : cosine);
}

void fill(std::span<float> values, const Fill& spec, uint32_t threads) {
  fill_elements(values.size(), spec, threads, [&](size_t i, float value) { values[i] = value; });
}

void fill(std::span<uint16_t> values, TableFormat format, const Fill& spec, uint32_t threads) {
  fill_elements(values.size(), spec, threads, [&](size_t i, float value) { values[i] = nearest_half(value, format); });
}

}  // namespace pairloom
