// Layers of a compressed interaction network against the plain twin.
#include <cstring>

#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

InteractionShape random_shape(Random& random) {
  constexpr uint32_t dims[] = {1, 4, 10, 16, 16, 20, 33};
  InteractionShape s = {1 + random.below(7),   1 + random.below(25), 1 + random.below(25),
                        dims[random.below(7)], 1 + random.below(40), random.coin()};
  if (random.below(8) == 0) s.rows = 70, s.maps = 3, s.fields = 4;  // several passes
  if (s.upper) s.maps = s.fields;
  return s;
}

std::string describe(const std::string& name, const InteractionShape& s) {
  return name + " rows " + std::to_string(s.rows) + " maps " + std::to_string(s.maps) + " fields " +
         std::to_string(s.fields) + " dim " + std::to_string(s.dim) + " units " + std::to_string(s.units) +
         (s.upper ? " upper" : "");
}

// A sum of many terms of size one: its rounding grows with their number.
double tolerance(size_t terms) { return 4e-7 * std::sqrt(double(terms)) + 1e-6; }

// 64-byte aligned; the memory after it belongs to nobody, so that a sanitizer sees a write past it.
struct Scratch {
  std::vector<float> floats;
  explicit Scratch(size_t n) : floats(n + 16, NAN) {}
  float* data() {
    const uintptr_t at = reinterpret_cast<uintptr_t>(floats.data());
    return floats.data() + (64 - at % 64) % 64 / sizeof(float);
  }
};

TEST(kernels_compressed_interaction_matches_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string& name) {
    const InteractionShape s = random_shape(random);
    const std::string where = describe(name, s);
    const Matrix x = Matrix::random(random, s.rows, s.maps * s.dim);
    const Matrix x0 = Matrix::random(random, s.rows, s.fields * s.dim);
    const Matrix dy = Matrix::random(random, s.rows, s.units * s.dim);
    const std::vector<float> w = random_vector(random, s.units * s.pairs()), b = random_vector(random, s.units);
    const float* bias = random.coin() ? b.data() : nullptr;
    Scratch scratch(k.compressed_interaction_scratch(s));

    Matrix y(s.rows, s.units * s.dim, 3), expected_y(s.rows, s.units * s.dim, 0);
    k.compressed_interaction(x, x0, w.data(), bias, y, s, scratch.data());
    plain.compressed_interaction(x, x0, w.data(), bias, expected_y, s, nullptr);
    check_near(y, expected_y, tolerance(s.pairs()), where);

    Matrix dx(s.rows, s.maps * s.dim, 1), expected_dx(s.rows, s.maps * s.dim, 0);
    Matrix dx0(s.rows, s.fields * s.dim, 2), expected_dx0(s.rows, s.fields * s.dim, 0);
    k.compressed_interaction_grad_input(dy, x, x0, w.data(), dx, dx0, s, scratch.data());
    plain.compressed_interaction_grad_input(dy, x, x0, w.data(), expected_dx, expected_dx0, s, nullptr);
    check_near(dx, expected_dx, tolerance(s.units * s.fields), where + " dx");
    check_near(dx0, expected_dx0, tolerance(s.units * s.maps), where + " dx0");

    std::vector<float> dw = random_vector(random, w.size()), expected_dw = dw;
    k.compressed_interaction_grad_weight(dy, x, x0, dw.data(), s, scratch.data());
    plain.compressed_interaction_grad_weight(dy, x, x0, expected_dw.data(), s, nullptr);
    check_near(dw, expected_dw, tolerance(s.rows * s.dim), where + " dw");
  });
}

TEST(kernels_compressed_interaction_gives_a_row_the_same_bits_alone_and_in_a_batch) {
  for_each_isa_and_case(20, [](const KernelTable& k, Random& random, const std::string&) {
    const InteractionShape s = random_shape(random);
    InteractionShape alone = s;
    alone.rows = 1;
    const Matrix x = Matrix::random(random, s.rows, s.maps * s.dim);
    const Matrix x0 = Matrix::random(random, s.rows, s.fields * s.dim);
    const std::vector<float> w = random_vector(random, s.units * s.pairs());
    Scratch scratch(k.compressed_interaction_scratch(s));
    Matrix y(s.rows, s.units * s.dim, 0), one(1, s.units * s.dim, 0);
    k.compressed_interaction(x, x0, w.data(), nullptr, y, s, scratch.data());
    for (uint32_t r = 0; r < s.rows; ++r) {
      const ConstRows row = {&x.data[r * x.stride], x.stride}, row0 = {&x0.data[r * x0.stride], x0.stride};
      k.compressed_interaction(row, row0, w.data(), nullptr, one, alone, scratch.data());
      CHECK(std::memcmp(&y.data[r * y.stride], one.data.data(), one.n * sizeof(float)) == 0);
    }
  });
}

}  // namespace
}  // namespace pairloom::test
