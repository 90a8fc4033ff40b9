// Random matrices with guarded padding, and comparisons, for the tests of the kernels.
#pragma once

#include <bit>
#include <cmath>
#include <limits>
#include <string>
#include <vector>

#include "cpu/kernels/dispatch.h"
#include "runtime/random.h"
#include "tests/kernels_plain.h"
#include "tests/test.h"

namespace pairloom::test {

class Random {
 public:
  explicit Random(uint32_t seed) : key_(random_key(seed, 0, 0)) {}
  uint32_t below(uint32_t limit) { return draw(key_, next_++) % limit; }
  float between(float low, float high) {
    return low + (high - low) * static_cast<float>(draw(key_, next_++) >> 8) * 0x1p-24f;
  }
  bool coin() { return below(2) == 1; }
  // Sizes that meet every tail: mostly small, sometimes one, sometimes past a panel or a depth block.
  uint32_t size() {
    switch (below(6)) {
      case 0: return 1;
      case 1: return 1 + below(5);
      case 2: return 16u << below(3);
      case 3: return 250 + below(40);
      default: return 1 + below(70);
    }
  }

 private:
  RandomKey key_;
  uint32_t next_ = 0;
};

// A row-major matrix whose memory ends with its last element (so that a sanitizer sees a read past it) and
// whose padding between rows holds a NaN that no kernel may use or change.
struct Matrix {
  uint32_t rows, n;
  size_t stride;
  std::vector<float> data;

  static constexpr uint32_t kGuard = 0x7fc0beefu;

  Matrix(uint32_t rows, uint32_t n, size_t padding) : rows(rows), n(n), stride(n + padding) {
    data.assign(rows == 0 ? 0 : (rows - 1) * stride + n, std::bit_cast<float>(kGuard));
  }
  static Matrix random(Random& random, uint32_t rows, uint32_t n, float low = -1, float high = 1) {
    Matrix m(rows, n, random.coin() ? 0 : random.below(20));
    for (uint32_t r = 0; r < rows; ++r)
      for (uint32_t c = 0; c < n; ++c) m.at(r, c) = random.between(low, high);
    return m;
  }
  float& at(uint32_t r, uint32_t c) { return data[r * stride + c]; }
  float at(uint32_t r, uint32_t c) const { return data[r * stride + c]; }
  operator ConstRows() const { return {data.data(), stride}; }
  operator Rows() { return {data.data(), stride}; }

  void check_guards() const {
    for (size_t i = 0; i < data.size(); ++i)
      if (i % stride >= n) CHECK_EQ(std::bit_cast<uint32_t>(data[i]), kGuard);
  }
};

inline std::vector<float> random_vector(Random& random, size_t n, float low = -1, float high = 1) {
  std::vector<float> v(n);
  for (float& x : v) x = random.between(low, high);
  return v;
}

inline bool near(double got, double expected, double tolerance) {
  if (std::isnan(expected)) return std::isnan(got);
  if (std::isinf(expected)) return got == expected;
  return std::fabs(got - expected) <= tolerance * (1 + std::fabs(expected));
}

[[noreturn]] inline void fail_near(double got, double expected, double tolerance, const std::string& where, size_t row,
                                   size_t column) {
  std::ostringstream out;
  out.precision(9);
  out << where << " at (" << row << ", " << column << "): got " << got << ", expected " << expected << " within "
      << tolerance;
  throw std::runtime_error(out.str());
}

inline void check_near(double got, double expected, double tolerance, const std::string& where, size_t row = 0,
                       size_t column = 0) {
  if (!near(got, expected, tolerance)) fail_near(got, expected, tolerance, where, row, column);
}

inline void check_near(const std::vector<float>& got, const std::vector<float>& expected, double tolerance,
                       const std::string& where) {
  CHECK_EQ(got.size(), expected.size());
  for (size_t i = 0; i < got.size(); ++i) check_near(got[i], expected[i], tolerance, where, 0, i);
}

inline void check_near(const Matrix& got, const Matrix& expected, double tolerance, const std::string& where) {
  got.check_guards();
  for (uint32_t r = 0; r < got.rows; ++r)
    for (uint32_t c = 0; c < got.n; ++c) check_near(got.at(r, c), expected.at(r, c), tolerance, where, r, c);
}

// f(table) for every instruction set of this machine; the fastest is selected again at the end.
template <class F>
void for_each_isa(F f) {
  const std::vector<const char*> names = available_isas();
  for (const char* name : names) {
    CHECK(select_isa(name));
    f(kernels());
  }
  CHECK(select_isa(names.front()));
}

// f(table, random, name) many times for every instruction set.
template <class F>
void for_each_isa_and_case(int cases, F f) {
  for_each_isa([&](const KernelTable& k) {
    for (int i = 0; i < cases; ++i) {
      Random random(static_cast<uint32_t>(i));
      f(k, random, std::string(k.isa) + " case " + std::to_string(i));
    }
  });
}

constexpr Activation kActivations[] = {Activation::kNone, Activation::kRelu,      Activation::kSigmoid,
                                       Activation::kTanh, Activation::kLeakyRelu, Activation::kSilu,
                                       Activation::kGelu, Activation::kSoftplus,  Activation::kElu,
                                       Activation::kSin,  Activation::kCos};

}  // namespace pairloom::test
