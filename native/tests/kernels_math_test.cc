// The elementary functions, seen through the activations and the loss, against libm in double over wide
// ranges.
#include <cmath>

#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

// The distance in units in the last place of the expected value (that of the smallest normal below it).
double ulps(float got, double expected) {
  if (std::isnan(expected)) return std::isnan(got) ? 0 : INFINITY;
  if (static_cast<double>(got) == expected || got == static_cast<float>(expected)) return 0;
  const float magnitude = std::fmax(std::fabs(static_cast<float>(expected)), std::numeric_limits<float>::min());
  return std::fabs(got - expected) / (std::nextafter(magnitude, INFINITY) - magnitude);
}

// Every float of both signs, in steps that meet all exponents, and the special values.
std::vector<float> sweep(float largest) {
  std::vector<float> xs = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e-45f, -1e-45f, 88.7f, -88.7f, -103.9f, 104.0f};
  for (uint32_t bits = 0; bits < std::bit_cast<uint32_t>(largest); bits += 9973) {
    xs.push_back(std::bit_cast<float>(bits));
    xs.push_back(-std::bit_cast<float>(bits));
  }
  return xs;
}

template <class F>
void check_activation(Activation act, double limit, double absolute, F exact) {
  const std::vector<float> xs = sweep(3e38f);
  std::vector<float> ys(xs.size());
  const uint32_t n = static_cast<uint32_t>(xs.size());
  for_each_isa([&](const KernelTable& k) {
    k.activation({xs.data(), n}, {ys.data(), n}, 1, n, act);
    for (size_t i = 0; i < xs.size(); ++i) {
      const double expected = exact(static_cast<double>(xs[i]));
      if (std::fabs(ys[i] - expected) <= absolute || ulps(ys[i], expected) <= limit) continue;
      std::ostringstream out;
      out.precision(9);
      out << k.isa << " activation " << static_cast<int>(act) << " of " << xs[i] << ": got " << ys[i] << ", expected "
          << expected << ", " << ulps(ys[i], expected) << " ulp";
      throw std::runtime_error(out.str());
    }
  });
}

TEST(kernels_math_sigmoid) {
  check_activation(Activation::kSigmoid, 3, 0, [](double x) { return 1 / (1 + std::exp(-x)); });
}
TEST(kernels_math_tanh) {
  check_activation(Activation::kTanh, 4, 0, [](double x) { return std::tanh(x); });
}
TEST(kernels_math_elu) {
  check_activation(Activation::kElu, 2.5, 0, [](double x) { return x < 0 ? std::expm1(x) : x; });
}
TEST(kernels_math_softplus) {
  check_activation(Activation::kSoftplus, 3, 0, [](double x) {
    return std::fmax(x, 0) + (std::isnan(x) ? x : std::log1p(std::exp(-std::fabs(x))));
  });
}
// x sigmoid(x) and x Phi(x): not defined at minus infinity (infinity times zero). Phi cancels for negative x,
// where the error is a unit of 1 times x; a subnormal sigmoid has few digits.
TEST(kernels_math_silu) {
  check_activation(Activation::kSilu, 4, 1e-36, [](double x) { return x / (1 + std::exp(-x)); });
}
TEST(kernels_math_gelu) {
  check_activation(Activation::kGelu, 4, 1e-6, [](double x) {
    return std::isinf(x) && x < 0 ? NAN : x * 0.5 * (1 + std::erf(x * std::sqrt(0.5)));
  });
}
// Near a root the error is relative to 1.
TEST(kernels_math_sin_and_cos) {
  check_activation(Activation::kSin, 4, 1.2e-7, [](double x) { return std::sin(x); });
  check_activation(Activation::kCos, 4, 1.2e-7, [](double x) { return std::cos(x); });
}

TEST(kernels_loss_matches_plain_on_all_logits) {
  const std::vector<float> z = sweep(1e30f);
  const uint32_t rows = static_cast<uint32_t>(z.size());
  std::vector<float> y(rows), got(rows), expected(rows);
  for (uint32_t i = 0; i < rows; ++i) y[i] = i % 3 == 0 ? 1.0f : 0.0f;
  for_each_isa([&](const KernelTable& k) {
    k.sigmoid_cross_entropy({z.data(), 1}, {y.data(), 1}, {got.data(), 1}, rows);
    plain.sigmoid_cross_entropy({z.data(), 1}, {y.data(), 1}, {expected.data(), 1}, rows);
    for (uint32_t i = 0; i < rows; ++i) check_near(got[i], expected[i], 3e-7, std::string(k.isa) + " loss");
  });
}

TEST(kernels_loss_gradient_matches_plain) {
  for_each_isa_and_case(40, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size();
    const Matrix z = Matrix::random(random, rows, 1, -20, 20), y = Matrix::random(random, rows, 1, 0, 1);
    const Matrix dl = Matrix::random(random, rows, 1);
    Matrix got(rows, 1, random.below(3)), expected(rows, 1, 0);
    k.sigmoid_cross_entropy_grad(dl, z, y, got, rows);
    plain.sigmoid_cross_entropy_grad(dl, z, y, expected, rows);
    check_near(got, expected, 3e-7, where);
    k.sigmoid_cross_entropy(z, y, got, rows);
    plain.sigmoid_cross_entropy(z, y, expected, rows);
    check_near(got, expected, 1e-6, where);
  });
}

TEST(kernels_focal_loss_matches_plain) {
  for_each_isa_and_case(40, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size();
    const Matrix z = Matrix::random(random, rows, 1, -20, 20), y = Matrix::random(random, rows, 1, 0, 1);
    const Matrix dl = Matrix::random(random, rows, 1);
    Matrix got(rows, 1, random.below(3)), expected(rows, 1, 0);
    const float gamma = random.coin() ? 0.5f : 2.0f;
    k.focal_cross_entropy(z, y, got, rows, gamma, 0.3f);
    plain.focal_cross_entropy(z, y, expected, rows, gamma, 0.3f);
    check_near(got, expected, 1e-5, where + " loss");
    k.focal_cross_entropy_grad(dl, z, y, got, rows, gamma, 0.3f);
    plain.focal_cross_entropy_grad(dl, z, y, expected, rows, gamma, 0.3f);
    check_near(got, expected, 1e-5, where + " gradient");
  });
}

TEST(kernels_softmax_loss_matches_plain) {
  for_each_isa_and_case(40, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), classes = random.size();
    const Matrix z = Matrix::random(random, rows, classes, -20, 20), dl = Matrix::random(random, rows, 1);
    Matrix y(rows, 1, random.below(3));
    for (uint32_t r = 0; r < rows; ++r) y.at(r, 0) = float(random.below(classes));
    const float smoothing = random.coin() ? 0.0f : 0.1f;
    Matrix loss(rows, 1, random.below(3)), expected(rows, 1, 0);
    k.softmax_cross_entropy(z, y, loss, rows, classes, smoothing);
    plain.softmax_cross_entropy(z, y, expected, rows, classes, smoothing);
    check_near(loss, expected, 1e-5, where + " loss");
    Matrix dz(rows, classes, random.below(3)), wanted(rows, classes, 0);
    k.softmax_cross_entropy_grad(dl, z, y, dz, rows, classes, smoothing);
    plain.softmax_cross_entropy_grad(dl, z, y, wanted, rows, classes, smoothing);
    check_near(dz, wanted, 1e-6, where + " gradient");
  });
}

// Memory is never read by a label that is no class.
TEST(kernels_softmax_loss_of_no_class_is_not_a_number) {
  for_each_isa_and_case(1, [](const KernelTable& k, Random& random, const std::string&) {
    for (const float label : {-1.0f, 3.0f, 0.5f, 1e30f, std::nanf("")}) {
      const Matrix z = Matrix::random(random, 1, 3);
      Matrix y(1, 1, 0), loss(1, 1, 0), dz(1, 3, 0);
      y.at(0, 0) = label;
      k.softmax_cross_entropy(z, y, loss, 1, 3, 0.0f);
      CHECK(std::isnan(loss.at(0, 0)));
      k.softmax_cross_entropy_grad(loss, z, y, dz, 1, 3, 0.0f);
      for (uint32_t c = 0; c < 3; ++c) CHECK(std::isnan(dz.at(0, c)));
    }
  });
}

// What the loops that measure throughput say that they have done, they have done.
TEST(kernels_throughput) {
  const double first = 12 * 11 / 2.0, ones = 12;  // sums of 0 to 11, and of their number
  std::vector<float> numbers(384);
  for (size_t i = 0; i < numbers.size(); ++i) numbers[i] = float(i);
  for_each_isa([&](const KernelTable& k) {
    float result;
    const double lanes = double(k.multiply_adds(1, &result)) / 12;
    CHECK(k.multiply_adds(2, &result) == 2 * 12 * lanes);
    CHECK(result == lanes * (first / 4 + 1.5 * ones));  // x -> x / 2 + 1, twice
    if (k.multiply_adds_bf16(3, &result) > 0) CHECK(result == lanes * (first + 3 * 0.5 * ones));
    CHECK(k.sum_numbers(numbers.data(), numbers.size()) == 384 * 383 / 2);
  });
}

}  // namespace
}  // namespace pairloom::test
