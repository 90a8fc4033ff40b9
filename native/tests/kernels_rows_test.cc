// Elementwise kernels, sums, dropout and normalization against the plain twin.
#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

TEST(kernels_activation_gradients_match_plain) {
  for_each_isa_and_case(90, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const Activation act = kActivations[random.below(std::size(kActivations))];
    const Matrix dy = Matrix::random(random, rows, n), s = Matrix::random(random, rows, n, -4, 4);
    Matrix got(rows, n, random.below(5)), expected(rows, n, 0);
    k.activation_grad(dy, s, got, rows, n, act);
    plain.activation_grad(dy, s, expected, rows, n, act);
    check_near(got, expected, 1e-6, where + " grad");
    k.activation(s, got, rows, n, act);
    plain.activation(s, expected, rows, n, act);
    check_near(got, expected, 1e-6, where);
  });
}

// The elementwise kernels may write where they read.
TEST(kernels_elementwise_match_plain_in_place) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const Matrix a = Matrix::random(random, rows, n), b = Matrix::random(random, rows, n);
    Matrix expected(rows, n, 0);
    const auto check = [&](const char* name, auto run) {
      Matrix got = a;
      run(k, Rows(got), ConstRows(got));
      run(plain, Rows(expected), ConstRows(a));
      check_near(got, expected, 1e-6, where + " " + name);
    };
    check("copy", [&](const KernelTable& t, Rows y, ConstRows x) { t.copy(x, y, rows, n); });
    check("add", [&](const KernelTable& t, Rows y, ConstRows x) { t.add(x, b, y, rows, n); });
    check("multiply", [&](const KernelTable& t, Rows y, ConstRows x) { t.multiply(x, b, y, rows, n); });
    check("scale", [&](const KernelTable& t, Rows y, ConstRows x) { t.scale(x, -1.7f, y, rows, n); });
    check("dropout", [&](const KernelTable& t, Rows y, ConstRows x) {
      t.dropout(x, y, rows, n, random_key(5, 6, 7), (uint64_t(3) << 32) - 40, 0x60000000u, 1.6f);
    });
    check("logistic noise", [&](const KernelTable& t, Rows y, ConstRows) {
      t.logistic_noise(y, rows, n, random_key(5, 6, 7), (uint64_t(3) << 32) - 40);
    });
  });
}

TEST(kernels_sums_match_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const Matrix x = Matrix::random(random, rows, n), one = Matrix::random(random, rows, 1);
    Matrix got(rows, 1, 2), expected(rows, 1, 0), wide(rows, n, 1), expected_wide(rows, n, 0);
    k.sum_columns(x, got, rows, n);
    plain.sum_columns(x, expected, rows, n);
    check_near(got, expected, 1e-5, where + " columns");
    k.broadcast_columns(one, wide, rows, n);
    plain.broadcast_columns(one, expected_wide, rows, n);
    check_near(wide, expected_wide, 0, where + " broadcast");
    std::vector<float> sum = random_vector(random, n), expected_sum = sum;
    k.sum_rows(x, sum.data(), rows, n);
    plain.sum_rows(x, expected_sum.data(), rows, n);
    check_near(sum, expected_sum, 1e-5, where + " rows");
  });
}

TEST(kernels_dropout_keeps_the_share_it_says) {
  const std::vector<float> ones(1 << 16, 1.0f);
  std::vector<float> y(ones.size());
  for_each_isa([&](const KernelTable& k) {
    k.dropout({ones.data(), 256}, {y.data(), 256}, 256, 256, random_key(1, 2, 3), 0, 1u << 30, 4.0f / 3);
    double kept = 0;
    for (const float v : y) kept += v > 0;
    check_near(kept / static_cast<double>(y.size()), 0.75, 0.005, k.isa);
  });
}

// A mean far from zero must not cost the deviations their accuracy.
TEST(kernels_batch_moments_match_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const float centre = random.coin() ? 0.0f : 1000.0f;
    const Matrix x = Matrix::random(random, rows, n, centre - 1, centre + 1);
    std::vector<float> mean(n, NAN), m2(n, NAN), expected_mean(n), expected_m2(n);
    k.batch_moments(x, mean.data(), m2.data(), rows, n);
    plain.batch_moments(x, expected_mean.data(), expected_m2.data(), rows, n);
    check_near(mean, expected_mean, 1e-6, where + " mean");
    check_near(m2, expected_m2, centre > 0 ? 2e-3 : 2e-5, where + " m2");
  });
}

TEST(kernels_batch_norm_matches_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const Matrix x = Matrix::random(random, rows, n), dy = Matrix::random(random, rows, n);
    const std::vector<float> mean = random_vector(random, n), var = random_vector(random, n, 0.1f, 2);
    const std::vector<float> gamma = random_vector(random, n), beta = random_vector(random, n);
    std::vector<float> s1 = random_vector(random, n), s2 = random_vector(random, n), e1 = s1, e2 = s2;
    const float eps = 1e-5f;
    Matrix got(rows, n, 3), expected(rows, n, 0);
    k.batch_normalize(x, mean.data(), var.data(), gamma.data(), beta.data(), got, rows, n, eps);
    plain.batch_normalize(x, mean.data(), var.data(), gamma.data(), beta.data(), expected, rows, n, eps);
    check_near(got, expected, 3e-6, where);
    k.batch_norm_grad_sums(dy, x, mean.data(), var.data(), s1.data(), s2.data(), rows, n, eps);
    plain.batch_norm_grad_sums(dy, x, mean.data(), var.data(), e1.data(), e2.data(), rows, n, eps);
    check_near(s1, e1, 2e-5, where + " sum dy");
    check_near(s2, e2, 2e-5, where + " sum dy xhat");
    k.batch_norm_grad_input(dy, x, mean.data(), var.data(), gamma.data(), e1.data(), e2.data(), got, rows, n, eps,
                            rows + 5);
    plain.batch_norm_grad_input(dy, x, mean.data(), var.data(), gamma.data(), e1.data(), e2.data(), expected, rows, n,
                                eps, rows + 5);
    check_near(got, expected, 2e-5, where + " grad");
  });
}

TEST(kernels_layer_norm_matches_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = random.size(), n = random.size();
    const Matrix x = Matrix::random(random, rows, n), dy = Matrix::random(random, rows, n);
    const std::vector<float> gamma = random_vector(random, n), beta = random_vector(random, n);
    const float eps = 1e-2f;  // a row of one or two close values has almost no variance
    Matrix got(rows, n, 3), expected(rows, n, 0);
    k.layer_norm(x, gamma.data(), beta.data(), got, rows, n, eps);
    plain.layer_norm(x, gamma.data(), beta.data(), expected, rows, n, eps);
    check_near(got, expected, 1e-5, where);
    k.layer_norm_grad_input(dy, x, gamma.data(), got, rows, n, eps);
    plain.layer_norm_grad_input(dy, x, gamma.data(), expected, rows, n, eps);
    check_near(got, expected, 2e-5, where + " input");
    std::vector<float> dgamma = random_vector(random, n), dbeta = random_vector(random, n), e1 = dgamma, e2 = dbeta;
    const bool accumulate = random.coin();
    k.layer_norm_grad_params(dy, x, dgamma.data(), dbeta.data(), rows, n, eps, accumulate);
    plain.layer_norm_grad_params(dy, x, e1.data(), e2.data(), rows, n, eps, accumulate);
    check_near(dgamma, e1, 2e-5, where + " gamma");
    check_near(dbeta, e2, 2e-5, where + " beta");
  });
}

}  // namespace
}  // namespace pairloom::test
