// The hash tables of dynamic tables against std::unordered_map, with keys that meet at their homes and without.
#include <unordered_map>

#include "runtime/dynamic/key_counts.h"
#include "runtime/dynamic/key_index.h"
#include "tests/random.h"
#include "tests/test.h"

namespace pairloom {
namespace {

using test::Random;

// A few hundred keys of all kinds.
uint64_t any_key(Random& random) {
  const uint64_t n = random.below(300);
  return n % 3 == 0 ? n : n % 3 == 1 ? ~n : n << 55;
}

TEST(a_key_index_finds_what_a_map_finds) {
  Random random(7);
  for (const uint64_t capacity : {1, 7, 64, 200, 1000}) {
    std::vector<uint64_t> keys(capacity + 1);
    std::vector<uint32_t> free;
    for (uint32_t row = 1; row <= capacity; ++row) free.push_back(row);
    KeyIndex index(keys.data(), capacity, 1);
    std::unordered_map<uint64_t, uint32_t> expected;
    for (uint32_t round = 0; round < 20000; ++round) {
      const uint64_t key = any_key(random);
      const auto found = expected.find(key);
      CHECK_EQ(index.find(key), found == expected.end() ? 0 : found->second);
      if (found != expected.end()) {
        index.erase(key);
        free.push_back(found->second);
        expected.erase(found);
      } else if (!free.empty()) {
        keys[free.back()] = key;
        index.insert(key, free.back());
        expected[key] = free.back();
        free.pop_back();
      }
      CHECK_EQ(index.size(), expected.size());
    }
    std::vector<uint64_t> asked, rows;
    for (uint32_t i = 0; i < 1000; ++i) asked.push_back(any_key(random));
    rows.resize(asked.size());
    index.find(asked, rows);
    for (size_t i = 0; i < asked.size(); ++i) {
      const auto found = expected.find(asked[i]);
      CHECK_EQ(rows[i], found == expected.end() ? 0 : found->second);
    }
  }
}

TEST(a_key_index_has_five_bytes_a_row) {
  const std::vector<uint64_t> keys(100001);
  const KeyIndex index(keys.data(), 100000, 100000);
  CHECK(index.slots() * sizeof(uint32_t) <= 5 * 100000 + 16);
}

TEST(key_counts_are_those_of_a_map) {
  Random random(7);
  KeyCounts counts;
  std::unordered_map<uint64_t, uint32_t> expected;
  for (uint32_t round = 0; round < 50000; ++round) {
    const uint64_t key = any_key(random);
    const uint32_t count = random.below(3) == 0 ? 0 : 1 + random.below(9);
    counts.set(key, count);
    if (count == 0) expected.erase(key);
    else expected[key] = count;
    const uint64_t other = any_key(random);
    CHECK_EQ(counts.of(other), expected.contains(other) ? expected[other] : 0);
    CHECK_EQ(counts.size(), expected.size());
  }
  CHECK_EQ(counts.entries().size(), expected.size());
}

}  // namespace
}  // namespace pairloom
