#include <array>
#include <cstdio>
#include <cstdlib>
#include <limits>
#include <string>
#include <vector>

#include "ingest/columns.h"
#include "ingest/murmur3.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

uint32_t hash(const std::string& text) { return murmur3(reinterpret_cast<const uint8_t*>(text.data()), text.size()); }

// As DuckDB lays texts out. The texts themselves hold what the pointers lead to.
std::vector<uint8_t> entries_of(const std::vector<std::string>& texts) {
  std::vector<uint8_t> entries(16 * texts.size(), 0xee);
  for (size_t r = 0; r < texts.size(); ++r) {
    const uint32_t length = uint32_t(texts[r].size());
    const char* const bytes = texts[r].data();
    std::memcpy(&entries[16 * r], &length, 4);
    std::memcpy(&entries[16 * r + 4], bytes, length > 12 ? 4 : length);
    if (length > 12) std::memcpy(&entries[16 * r + 8], &bytes, sizeof bytes);
  }
  return entries;
}

const std::vector<std::string> kTexts = {"abc",           "",     "hello, world",
                                         "Hello, world!", "test", "The quick brown fox jumps over the lazy dog"};
// "test" is null.
const uint8_t kValid = 0b101111;

TEST(murmur3_gives_the_published_hashes) {
  CHECK_EQ(hash(""), 0u);
  CHECK_EQ(hash("abc"), 0xb3dd93fau);
  CHECK_EQ(hash("test"), 0xba6bd213u);
  CHECK_EQ(hash("hello, world"), 0x149bbb7fu);
  CHECK_EQ(hash("Hello, world!"), 0xc0363e43u);
  CHECK_EQ(hash("The quick brown fox jumps over the lazy dog"), 0x2e4ff723u);
}

// The 64-bit values are those of the reference implementation, as in src/murmur3.test.ts.
TEST(murmur3_wide_gives_the_published_hashes) {
  const auto wide = [](const std::string& text) {
    return murmur3_wide(reinterpret_cast<const uint8_t*>(text.data()), text.size());
  };
  CHECK_EQ(wide(""), 0u);
  CHECK_EQ(wide("abc"), 0xb4963f3f3fad7867u);
  CHECK_EQ(wide("0123456789abcdef"), 0x4be06d94cf4ad1a7u);
  CHECK_EQ(wide("The quick brown fox jumps over the lazy dog"), 0xe34bbc7bbc071b6cu);
  std::string key, hashes;
  for (int i = 0; i < 256; ++i) {
    const uint64_t hash = wide(key);
    hashes.append(reinterpret_cast<const char*>(&hash), sizeof hash);
    key.push_back(char(i));
  }
  CHECK_EQ(wide(hashes), 0xd8b2283d72fcb17du);
}

TEST(hashes_below_more_than_32_bits_are_of_64_bits) {
  const auto entries = entries_of(kTexts);
  std::vector<int64_t> ids(6, 7);
  std::vector<int8_t> codes(6, 7);
  const uint64_t size = uint64_t{1} << 33;
  CHECK_EQ(hash_texts<WideIds>({entries.data(), {&kValid}, 6}, size, -1, {ids.data(), 1, codes.data()}), 2u);
  CHECK_EQ(ids[0], int64_t(0xb4963f3f3fad7867u % size));
  CHECK_EQ(int{codes[0]}, 0);
  CHECK_EQ(int{codes[1]}, -1);
  CHECK_EQ(ids[5], int64_t(0xe34bbc7bbc071b6cu % size));
}

TEST(keys_are_integers_or_hashes) {
  const std::vector<std::string> texts = {"42", "-7", "0", "abc", "9223372036854775807", "9223372036854775808",
                                          "-9223372036854775807", "-9223372036854775808", "", "007", "-0", "-"};
  const auto entries = entries_of(texts);
  const size_t n = texts.size();
  std::vector<int64_t> ids(n, 7);
  std::vector<int8_t> codes(n, 7);
  CHECK_EQ(keys_of_texts({entries.data(), {nullptr}, n}, -128, {ids.data(), 1, codes.data()}), 3u);
  const auto hash = [](const std::string& text) {
    return int64_t(murmur3_wide(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
  };
  const int64_t most = std::numeric_limits<int64_t>::max();
  const std::vector<int64_t> keys = {42, -7, 0, hash("abc"), most, 0, -most, 0, 0, hash("007"), hash("-0"), hash("-")};
  const std::vector<int> expected = {0, 0, 0, 0, 0, -15, 0, -15, -128, 0, 0, 0};
  for (size_t i = 0; i < n; ++i) {
    CHECK_EQ(ids[i], keys[i]);
    CHECK_EQ(int{codes[i]}, expected[i]);
  }
}

TEST(texts_are_hashed_where_they_lie) {
  const auto entries = entries_of(kTexts);
  std::vector<int32_t> ids(12, 7);
  const size_t negative = hash_texts<Strided<int32_t>>({entries.data(), {&kValid}, 6}, 1000, -1, {ids.data(), 2});
  const std::array<int32_t, 6> expected = {int32_t(0xb3dd93fau % 1000), -1, int32_t(0x149bbb7fu % 1000),
                                           int32_t(0xc0363e43u % 1000), -1, int32_t(0x2e4ff723u % 1000)};
  for (size_t r = 0; r < 6; ++r) {
    CHECK_EQ(ids[2 * r], expected[r]);
    CHECK_EQ(ids[2 * r + 1], 7);
  }
  CHECK_EQ(negative, 2u);
}

TEST(a_vocabulary_that_lies_about_its_size_reads_nothing_beyond_it) {
  const auto entries = entries_of(kTexts);
  // Every slot claims a value that is not there, and there is no empty one to end the search.
  std::vector<uint32_t> slots = {hash("abc"), 1000, hash("abc"), 1};
  const std::vector<double> starts = {0, 1e9};
  const std::vector<uint8_t> bytes = {'a', 'b', 'c'};
  std::vector<int32_t> ids(6);
  CHECK_EQ(look_up_texts({entries.data(), {nullptr}, 6}, {slots, starts, bytes}, -2, 5, {ids.data(), 1}), 5u);
  CHECK_EQ(ids[0], -2);
  CHECK_EQ(ids[1], 5);
}

#ifdef __cpp_lib_to_chars  // libc++ has no such function for doubles: more texts are left open there
TEST(texts_are_read_as_numbers_or_left_open) {
  const std::vector<std::string> texts = {"1.5", " -0 ", "", "\t", "+5e-1", "True", "--5", "1e400", "0x5", "3"};
  const std::vector<double> expected = {1.5, -0.0, 0, 0, 0.5, 1, NAN, NAN, NAN, 0};
  const uint8_t valid[] = {0xff, 0b01};  // "3" is null
  const auto entries = entries_of(texts);
  std::vector<double> values(texts.size());
  uint8_t present[2];
  CHECK_EQ(parse_numbers({entries.data(), {valid}, texts.size()}, values.data(), present), 3u);
  CHECK_EQ(present[0], 0b11110011);
  CHECK_EQ(present[1], 0b01);
  for (size_t r = 0; r < texts.size(); ++r) {
    if (!Validity{present}(r)) continue;
    CHECK(std::isnan(expected[r]) ? std::isnan(values[r]) : values[r] == expected[r]);
  }
  CHECK(std::signbit(values[1]));
}

// Up to 25 digits, at times with a point or an exponent.
std::string random_digits(test::Random& random) {
  std::string text(1 + random.below(25), '0');
  for (char& digit : text) digit = char('0' + random.below(10));
  if (random.below(4) != 0) text.insert(random.below(uint32_t(text.size()) + 1), ".");
  if (random.below(4) == 0) text += "e" + std::to_string(int(random.below(80)) - 40);
  return text;
}

// A number halfway between two doubles, and digits that are a little less or more.
std::string near_a_tie(test::Random& random) {
  const double low = std::ldexp(1 + random.unit() + random.below(1u << 29) * 0x1p-52, int(random.below(200)) - 100);
  const double high = std::nextafter(low, std::numeric_limits<double>::infinity());
  const long double tie = low + (static_cast<long double>(high) - low) / 2;
  char text[128];
  std::snprintf(text, sizeof text, "%.*Le", int(14 + random.below(60)), tie);
  return text;
}

TEST(numbers_are_rounded_as_strtod_rounds_them) {
  test::Random random(7);
  std::vector<std::string> texts = {"999999999999999",
                                    "9999999999999999",
                                    "0.000000000000001",
                                    "123456789012345.",
                                    ".123456789012345",
                                    "9007199254740993",
                                    "1e23",
                                    "00000000000000000.1"};
  for (int i = 0; i < 200000; ++i) texts.push_back(i % 4 == 0 ? near_a_tie(random) : random_digits(random));
  const auto entries = entries_of(texts);
  std::vector<double> values(texts.size());
  std::vector<uint8_t> present((texts.size() + 7) / 8);
  CHECK_EQ(parse_numbers({entries.data(), {nullptr}, texts.size()}, values.data(), present.data()), 0u);
  for (size_t r = 0; r < texts.size(); ++r) CHECK_EQ(values[r], std::strtod(texts[r].c_str(), nullptr));
}

#endif

TEST(numbers_that_are_not_finite_are_left_open) {
  constexpr double kInfinity = std::numeric_limits<double>::infinity();
  const std::vector<double> values = {1.5, kInfinity, NAN, 1e300, -0.0, 3};
  std::vector<float> results(6);
  const NumberTransform identity{NumberTransform::kIdentity, 0, 1};
  CHECK_EQ(encode_numbers(values.data(), {&kValid}, 6, identity, 9, {results.data(), 1}), 3u);
  CHECK_EQ(results[0], 1.5f);
  for (size_t r = 1; r < 4; ++r) CHECK(std::isnan(results[r]));
  CHECK_EQ(results[4], 9.0f);
  CHECK_EQ(results[5], 3.0f);
}

TEST(logarithms_of_counts_and_of_other_numbers_are_rounded_alike) {
  const std::vector<double> values = {0, -0.0, -1, 0.5, 1, 4095, 4095.5, 4096, 1e9, 1e300};
  std::vector<float> results(values.size());
  const NumberTransform log{NumberTransform::kLog, 0, 1};
  CHECK_EQ(encode_numbers(values.data(), {nullptr}, values.size(), log, 9, {results.data(), 1}), 0u);
  for (size_t r = 0; r < values.size(); ++r) {
    CHECK_EQ(results[r], float(std::log1p(values[r] > 0 ? values[r] : 0.0)));
  }
}

}  // namespace
}  // namespace pairloom
