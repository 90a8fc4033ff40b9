// Products of small matrices, and softmax, against the plain twin.
#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

// Each operand a matrix of its own in every row, or one for all rows; depths past a block now and then.
TEST(kernels_batch_matmul_matches_plain) {
  for_each_isa_and_case(90, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = 1 + random.below(6), m = 1 + random.below(45), n = 1 + random.below(70);
    const uint32_t depth = random.below(8) == 0 ? random.size() : 1 + random.below(45);
    const bool transpose_a = random.coin(), transpose_b = random.coin();
    const Matrix a = Matrix::random(random, rows, m * depth), b = Matrix::random(random, rows, depth * n);
    ConstRows left = a, right = b;
    if (random.below(3) == 0) left.stride = 0;
    if (random.below(3) == 0) right.stride = 0;
    Matrix got(rows, m * n, 3), expected(rows, m * n, 0);
    k.batch_matmul(left, right, got, rows, m, n, depth, transpose_a, transpose_b);
    plain.batch_matmul(left, right, expected, rows, m, n, depth, transpose_a, transpose_b);
    check_near(got, expected, 2e-5, where);
  });
}

TEST(kernels_transpose_matches_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = 1 + random.below(5), m = 1 + random.below(40), n = 1 + random.below(40);
    const Matrix x = Matrix::random(random, rows, m * n);
    Matrix got(rows, m * n, 3), expected(rows, m * n, 0);
    k.transpose_rows(x, got, rows, m, n);
    plain.transpose_rows(x, expected, rows, m, n);
    check_near(got, expected, 0, where);
  });
}

TEST(kernels_softmax_matches_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& where) {
    const uint32_t rows = 1 + random.below(20), n = random.size();
    const float range = random.coin() ? 1.0f : 80.0f;
    const Matrix x = Matrix::random(random, rows, n, -range, range), dy = Matrix::random(random, rows, n);
    Matrix y(rows, n, 3), expected(rows, n, 0), dx(rows, n, 1), expected_dx(rows, n, 0);
    k.softmax(x, y, rows, n);
    plain.softmax(x, expected, rows, n);
    check_near(y, expected, 2e-6, where);
    k.softmax_grad(dy, expected, dx, rows, n);
    plain.softmax_grad(dy, expected, expected_dx, rows, n);
    check_near(dx, expected_dx, 2e-6, where + " grad");
  });
}

}  // namespace
}  // namespace pairloom::test
