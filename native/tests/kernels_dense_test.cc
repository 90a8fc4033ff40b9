// Dense layers against the plain twin, and their promises: rows are independent, nothing outside is read or
// written.
#include <cstring>

#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

std::vector<float> packed(const LinearKernels& k, bool forward, const Matrix& w) {
  const uint32_t columns = forward ? w.rows : w.n, depth = forward ? w.n : w.rows;
  std::vector<float> out(k.packed_size(columns, depth), NAN);
  const uint32_t middle = columns / 2 / kPackedPanel * kPackedPanel;
  const auto pack = forward ? k.pack_forward : k.pack_backward;
  if (middle > 0) pack(w.data.data(), w.rows, w.n, {0, middle}, out.data());
  pack(w.data.data(), w.rows, w.n, {middle, columns}, out.data());
  return out;
}

std::vector<float> scratch(const LinearKernels& k, uint32_t rows, uint32_t n, uint32_t depth) {
  return std::vector<float>(k.scratch_size(rows, n, depth), NAN);
}

// f(kernels, plain twin) for both formats of operands.
template <class F>
void for_each_format(const KernelTable& table, F f) {
  f(table.linear_f32, plain.linear_f32);
  f(table.linear_bf16, plain.linear_bf16);
}

Matrix dense(Random& random, uint32_t rows, uint32_t n) {
  Matrix m(rows, n, 0);
  for (float& x : m.data) x = random.between(-1, 1);
  return m;
}

double tolerance(uint32_t depth) { return 2e-6 + 1e-7 * depth; }

TEST(kernels_linear_matches_plain) {
  for_each_isa_and_case(150, [](const KernelTable& table, Random& random, const std::string& where) {
    for_each_format(table, [&](const LinearKernels& k, const LinearKernels& expect) {
      const uint32_t rows = random.size(), n = random.size(), depth = random.size();
      const Matrix x = Matrix::random(random, rows, depth), w = dense(random, n, depth);
      const std::vector<float> bias = random_vector(random, n);
      const float* b = random.coin() ? bias.data() : nullptr;
      const Activation act = kActivations[random.below(std::size(kActivations))];
      Matrix got(rows, n, random.below(9)), expected(rows, n, 0);
      k.forward(x, packed(k, true, w).data(), b, got, rows, n, depth, act, scratch(k, rows, n, depth).data());
      expect.forward(x, w.data.data(), b, expected, rows, n, depth, act, nullptr);
      check_near(got, expected, tolerance(depth), where + " depth " + std::to_string(depth));
    });
  });
}

TEST(kernels_linear_gradients_match_plain) {
  for_each_isa_and_case(150, [](const KernelTable& table, Random& random, const std::string& where) {
    for_each_format(table, [&](const LinearKernels& k, const LinearKernels& expect) {
      const uint32_t rows = std::min(random.size(), kMostSummedRows), n = random.size(), depth = random.size();
      const Matrix x = Matrix::random(random, rows, depth), dz = Matrix::random(random, rows, n);
      const Matrix w = dense(random, n, depth);
      std::vector<float> space = scratch(k, rows, n, depth);
      Matrix got(rows, depth, random.below(9)), expected(rows, depth, 0);
      const Matrix s = Matrix::random(random, rows, depth);
      const Slope slope = random.coin() ? Slope{s, kActivations[random.below(std::size(kActivations))]} : Slope{};
      k.grad_input(dz, packed(k, false, w).data(), slope, got, rows, n, depth, space.data());
      expect.grad_input(dz, w.data.data(), slope, expected, rows, n, depth, nullptr);
      check_near(got, expected, tolerance(n), where + " input");

      Matrix dw = dense(random, n, depth), expected_dw = dw;
      const bool add = random.coin();
      const RowParts parts = {rows, rows > 1 && random.coin() ? (rows + 1) / 2 : rows};
      k.grad_weight(dz, x, dw.data.data(), parts, n, depth, add, space.data());
      expect.grad_weight(dz, x, expected_dw.data.data(), parts, n, depth, add, nullptr);
      check_near(dw, expected_dw, tolerance(rows), where + " weight");
    });
  });
}

TEST(kernels_linear_gives_a_row_the_same_bits_alone_and_in_a_batch) {
  for_each_isa_and_case(40, [](const KernelTable& table, Random& random, const std::string&) {
    for_each_format(table, [&](const LinearKernels& k, const LinearKernels&) {
      const uint32_t rows = 1 + random.below(70), n = random.size(), depth = random.size();
      const Matrix x = Matrix::random(random, rows, depth), w = dense(random, n, depth);
      const std::vector<float> weights = packed(k, true, w), bias = random_vector(random, n);
      const Activation act = kActivations[random.below(std::size(kActivations))];
      std::vector<float> space = scratch(k, rows, n, depth);
      Matrix all(rows, n, 0), one(1, n, 0);
      k.forward(x, weights.data(), bias.data(), all, rows, n, depth, act, space.data());
      for (uint32_t r = 0; r < rows; ++r) {
        const ConstRows row = {x.data.data() + r * x.stride, x.stride};
        k.forward(row, weights.data(), bias.data(), one, 1, n, depth, act, space.data());
        CHECK(std::memcmp(one.data.data(), &all.at(r, 0), n * sizeof(float)) == 0);
      }
    });
  });
}

TEST(kernels_linear_keeps_nan_and_infinity_in_their_row) {
  for_each_isa([](const KernelTable& table) {
    Random random(7);
    for (const uint32_t n : {1u, 5u, 40u}) {
      for_each_format(table, [&](const LinearKernels& k, const LinearKernels& expect) {
        Matrix x = Matrix::random(random, 20, 33);
        const Matrix w = dense(random, n, 33);
        x.at(3, 32) = NAN;
        x.at(17, 0) = std::numeric_limits<float>::infinity();
        Matrix got(20, n, 3), expected(20, n, 0);
        k.forward(x, packed(k, true, w).data(), nullptr, got, 20, n, 33, Activation::kRelu,
                  scratch(k, 20, n, 33).data());
        expect.forward(x, w.data.data(), nullptr, expected, 20, n, 33, Activation::kRelu, nullptr);
        check_near(got, expected, 1e-5, table.isa);
      });
    }
  });
}

TEST(kernels_linear_takes_no_rows) {
  for_each_isa([](const KernelTable& table) {
    for_each_format(table, [&](const LinearKernels& k, const LinearKernels&) {
      float dw[6] = {1, 2, 3, 4, 5, 6};
      std::vector<float> space = scratch(k, 0, 2, 3);
      k.forward({nullptr, 3}, nullptr, nullptr, {nullptr, 2}, 0, 2, 3, Activation::kRelu, space.data());
      k.grad_weight({nullptr, 2}, {nullptr, 3}, dw, {0, 1}, 2, 3, true, space.data());
      CHECK_EQ(dw[5], 6.0f);
      k.grad_weight({nullptr, 2}, {nullptr, 3}, dw, {0, 1}, 2, 3, false, space.data());
      for (const float v : dw) CHECK_EQ(v, 0.0f);
    });
  });
}

TEST(kernels_selection_refuses_what_is_not_there) {
  const std::string before = kernels().isa;
  CHECK(!select_isa("plain"));
  CHECK(!select_isa(""));
  CHECK_EQ(std::string(kernels().isa), before);
  CHECK_EQ(std::string(available_isas().front()), before);
}

}  // namespace
}  // namespace pairloom::test
