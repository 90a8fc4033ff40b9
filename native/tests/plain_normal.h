// One value at a time: what the kernels of initial values are compared with.
#pragma once

#include <cmath>
#include <cstdint>

namespace pairloom::plain {

inline double unit(uint32_t drawn) { return double(drawn >> 8) * 0x1p-24; }

inline double natural_log(double x) {
  int exponent;
  double m = std::frexp(x, &exponent);
  if (m < 0.7071067811865476) {
    m *= 2;
    --exponent;
  }
  const double s = (m - 1) / (m + 1), square = s * s;
  double series = 0;
  for (int n = 21; n >= 1; n -= 2) series = series * square + 1.0 / n;
  return 2 * s * series + exponent * 0.6931471805599453;
}

inline double small_sin(double x) {
  double sum = 0;
  for (int n = 17; n >= 3; n -= 2) sum = (1 + sum) * (-x * x / double(n * (n - 1)));
  return x * (1 + sum);
}
inline double small_cos(double x) {
  double sum = 0;
  for (int n = 18; n >= 2; n -= 2) sum = (1 + sum) * (-x * x / double(n * (n - 1)));
  return 1 + sum;
}

// The standard normal value of two u32 draws.
inline double box_muller(uint32_t first, uint32_t second) {
  const uint32_t angle = second & ~0xffu, quarter = (angle + 0x20000000u) >> 30;
  const double rest = double(int32_t(angle - (quarter << 30))) * 0x1p-32 * 6.283185307179586;
  const double cosine = quarter % 2 == 0 ? small_cos(rest) : small_sin(rest);
  const bool negative = quarter == 1 || quarter == 2;
  return std::sqrt(-2 * natural_log(1 - unit(first))) * (negative ? -cosine : cosine);
}

}  // namespace pairloom::plain
