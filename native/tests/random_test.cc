#include "runtime/random.h"

#include "cpu/tables/fill.h"
#include "tests/plain_normal.h"
#include "tests/test.h"

namespace pairloom {
namespace {

// The same words stand in src/random.test.ts: the twins agree.
TEST(draws_are_those_of_the_specification) {
  const RandomKey key = random_key(1, 2, 3);
  CHECK_EQ(draw(key, 0), 0xd9aab17au);
  CHECK_EQ(draw(key, (uint64_t{1} << 32) - 1), 0x7d2250bdu);
  CHECK_EQ(draw(key, uint64_t{1} << 32), 0x30d4d05au);
  CHECK_EQ(draw(key, (uint64_t{1} << 32) + 1), 0xe3a41b3au);
  CHECK_EQ(draw(key, (uint64_t{1} << 40) + 12345), 0x09f1801bu);
  CHECK_EQ(draw(key, (uint64_t{1} << 53) - 1), 0x334e3311u);
}

// A part that starts at an index of the whole: of two draws an element, 2^31 elements take 2^32 draws.
TEST(fills_draw_by_the_index_in_the_whole) {
  for (const uint64_t first : {(uint64_t{1} << 31) - 3, (uint64_t{1} << 32) - 3, uint64_t{1} << 50}) {
    const RandomKey key = random_key(77, 3, 0);
    std::vector<float> uniform(6), normal(6);
    fill(uniform, {FillKind::kUniform, 0, 1, 77, 3, first}, 1);
    fill(normal, {FillKind::kNormal, 0, 1, 77, 3, first}, 1);
    for (uint64_t i = 0; i < 6; ++i) {
      CHECK_EQ(uniform[i], float(double(draw(key, first + i) >> 8) * 0x1p-24));
      const uint64_t pair = 2 * (first + i);
      CHECK_EQ(normal[i], float(plain::box_muller(draw(key, pair), draw(key, pair + 1))));
    }
  }
}

}  // namespace
}  // namespace pairloom
