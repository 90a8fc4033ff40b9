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
  double factorial[11] = {1};
  for (int n = 1; n <= 10; ++n) factorial[n] = -factorial[n - 1] * (2 * n) * (2 * n + 1);
  double sum = 0;
  for (int n = 10; n >= 0; --n) sum = sum * (x * x) + 1 / factorial[n];
  return x * sum;
}

// The standard normal value of two u32 draws.
inline double box_muller(uint32_t first, uint32_t second) {
  // A quarter turn ahead, reduced to the nearest half turn: cos(x) = sin(x + pi/2), sin(x + pi) = -sin(x).
  const double turns = double(second >> 8) * 0x1p-24 + 0.25, halves = std::floor(2 * turns + 0.5);
  const double sine = small_sin((turns - halves / 2) * 6.283185307179586);
  return std::sqrt(-2 * natural_log(1 - unit(first))) * (std::fmod(halves, 2) == 1 ? -sine : sine);
}

}  // namespace pairloom::plain
