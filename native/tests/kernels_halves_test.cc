// Tables of 16-bit numbers against the plain twin, which goes by the definition of the formats.
#include "cpu/tables/halves.h"

#include <bit>

#include "cpu/flush_subnormals.h"
#include "tests/kernels_fixture.h"

namespace pairloom::test {
namespace {

constexpr TableFormat kHalves[] = {TableFormat::kFp16, TableFormat::kBf16};

std::vector<uint16_t> every_half() {
  std::vector<uint16_t> halves(1u << 16);
  for (uint32_t i = 0; i < halves.size(); ++i) halves[i] = uint16_t(i);
  return halves;
}

std::vector<float> widened(const KernelTable& k, const std::vector<uint16_t>& halves, TableFormat format) {
  std::vector<float> values(halves.size());
  k.widen(halves.data(), values.data(), halves.size(), format);
  return values;
}

// Any f32, and many among them in the range of the format and near its limits.
float any_float(Random& random) {
  const uint32_t sign = random.below(2) << 31, fraction = random.below(1u << 23);
  constexpr uint32_t kExponents[] = {0, 1, 80, 102, 103, 104, 111, 112, 113, 114, 127, 141, 142, 143, 253, 254, 255};
  const uint32_t exponent = random.coin() ? kExponents[random.below(17)] : 90 + random.below(60);
  constexpr uint32_t kFractions[] = {0, 0x7fffff, 0x7fe000, 0x1fff, 0x2000};
  return std::bit_cast<float>(sign | exponent << 23 | (random.below(3) == 0 ? kFractions[random.below(5)] : fraction));
}

bool same(float a, float b) {
  return std::bit_cast<uint32_t>(a) == std::bit_cast<uint32_t>(b) || (std::isnan(a) && std::isnan(b));
}

TEST(kernels_halves_widen_as_the_format_defines) {
  for_each_isa([](const KernelTable& k) {
    for (TableFormat format : kHalves) {
      const std::vector<float> got = widened(k, every_half(), format), expected = widened(plain, every_half(), format);
      for (size_t i = 0; i < got.size(); ++i) CHECK(same(got[i], expected[i]));
    }
  });
}

// The smallest halves are subnormal, and normal as floats: a thread that flushes subnormal floats reads them all the same.
TEST(kernels_halves_widen_alike_where_subnormals_are_flushed) {
  const std::vector<float> expected = widened(plain, every_half(), TableFormat::kFp16);
  for_each_isa([&](const KernelTable& k) {
    const FlushSubnormals flush;
    const std::vector<float> got = widened(k, every_half(), TableFormat::kFp16);
    for (size_t i = 0; i < got.size(); ++i) CHECK(same(got[i], expected[i]));
  });
}

TEST(kernels_halves_round_by_the_same_draws_as_plain) {
  for_each_isa_and_case(60, [](const KernelTable& k, Random& random, const std::string&) {
    const size_t n = 1 + random.below(500);
    const RandomKey key = random_key(random.below(1000), random.below(1000), random.below(1000));
    constexpr uint64_t kFirsts[] = {0, 0xffffff00u, (uint64_t{1} << 53) - 700, (uint64_t{77} << 32) - 256};
    const uint64_t first = kFirsts[random.below(4)] + random.below(200);
    std::vector<float> values(n);
    for (float& value : values) value = any_float(random);
    for (TableFormat format : kHalves) {
      std::vector<uint16_t> got(n), expected(n);
      k.round_stochastically(values.data(), got.data(), n, format, key, first);
      plain.round_stochastically(values.data(), expected.data(), n, format, key, first);
      CHECK(got == expected);
    }
  });
}

// A number of the format has no other to be rounded to, whatever the draw.
TEST(kernels_halves_come_back_as_they_were) {
  for_each_isa([](const KernelTable& k) {
    for (TableFormat format : kHalves) {
      const std::vector<uint16_t> halves = every_half();
      const std::vector<float> values = widened(k, halves, format);
      std::vector<uint16_t> back(halves.size());
      k.round_stochastically(values.data(), back.data(), back.size(), format, random_key(5, 6, 7), 0);
      for (size_t i = 0; i < halves.size(); ++i) CHECK(back[i] == halves[i] || std::isnan(values[i]));
    }
  });
}

// The mean of many roundings is the number: of 2^20 draws, within five standard deviations, which are at most half the
// distance of the neighbours over 2^10.
TEST(kernels_halves_are_right_on_average) {
  const uint32_t draws = 1u << 20;
  for (const float value : {0.01f, -3.14159f, 3.0e-5f, 1.0e-7f}) {
    for (TableFormat format : kHalves) {
      const std::vector<float> values(draws, value);
      std::vector<uint16_t> halves(draws);
      kernels().round_stochastically(values.data(), halves.data(), draws, format, random_key(1, 2, 3), 0);
      double mean = 0, low = INFINITY, high = -INFINITY;
      for (float half : widened(kernels(), halves, format)) {
        mean += double(half) / draws;
        low = std::min(low, double(half));
        high = std::max(high, double(half));
      }
      CHECK(low <= value && value <= high);
      CHECK(std::abs(mean - value) <= 5 * 0.5 * (high - low) / 1024);
    }
  }
}

// The nearest of all numbers of the format, that with an even fraction where two are as near.
TEST(nearest_halves_are_nearest) {
  for (TableFormat format : kHalves) {
    const std::vector<float> values = widened(plain, every_half(), format);
    const uint16_t infinity = format == TableFormat::kFp16 ? 0x7c00 : 0x7f80;
    Random random(9);
    for (int round = 0; round < 20'000; ++round) {
      const float x = any_float(random);
      const uint16_t got = nearest_half(x, format);
      if (std::isnan(x) || std::isinf(x)) {
        CHECK(same(values[got], x));
        continue;
      }
      CHECK_EQ(got >> 15, int(std::signbit(x)));
      const uint16_t at = got & 0x7fff;
      const double step = values[infinity - 1] - values[infinity - 2];
      const auto value = [&](uint16_t half) {
        return half == infinity ? values[infinity - 1] + step : double(values[half]);
      };
      const double distance = std::abs(value(at) - std::abs(double(x)));
      for (const int neighbour : {at - 1, at + 1}) {
        if (neighbour < 0 || neighbour > infinity) continue;
        const double other = std::abs(value(uint16_t(neighbour)) - std::abs(double(x)));
        CHECK(distance < other || (distance == other && at % 2 == 0) ||
              (at == infinity && std::abs(x) > value(infinity)));
      }
    }
  }
}

TEST(kernels_embeddings_of_halves_match_plain) {
  for_each_isa_and_case(40, [](const KernelTable& k, Random& random, const std::string& name) {
    const uint32_t rows = random.size(), dim = 1 + random.below(70), entries = 1 + random.below(200);
    for (TableFormat format : kHalves) {
      std::vector<uint16_t> table(size_t{entries} * dim);
      for (uint16_t& half : table) half = nearest_half(random.between(-1, 1), format);
      std::vector<int32_t> ids(rows * 3);
      for (int32_t& id : ids) id = int32_t(random.below(entries));
      const ConstTable source = {table.data(), format};
      Matrix got(rows, dim, 5), expected(rows, dim, 0);
      k.embedding(source, dim, {ids.data(), false}, 3, got, rows);
      plain.embedding(source, dim, {ids.data(), false}, 3, expected, rows);
      check_near(got, expected, 0, name);
      std::vector<Bag> bags(rows);
      for (uint32_t r = 0; r < rows; ++r) bags[r] = {ids.data() + 3 * r, nullptr, random.below(4), 0};
      k.embedding_bag(source, dim, bags.data(), 1, false, got, rows, true);
      plain.embedding_bag(source, dim, bags.data(), 1, false, expected, rows, true);
      check_near(got, expected, 1e-6, name + " bags");
    }
  });
}

}  // namespace
}  // namespace pairloom::test
