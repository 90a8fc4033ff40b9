// The hash tables of dynamic tables against std::unordered_map, with keys that meet at their homes and without.
#include <fstream>
#include <numeric>
#include <unordered_map>

#include "runtime/dynamic/key_counts.h"
#include "runtime/dynamic/key_index.h"
#include "runtime/dynamic/table.h"
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

// Memory of this process by the operating system's count; 0 if it does not say, or if sanitizers have memory of their own.
uint64_t resident_bytes() {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return 0;
#endif
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return 1024 * std::stoull(line.substr(8));
  }
  return 0;
}

void insert_keys(DynamicTable& table, uint64_t first, uint64_t end) {
  std::vector<uint64_t> keys(1024), rows(keys.size());
  for (uint64_t next = first; next < end; next += keys.size()) {
    keys.resize(std::min<uint64_t>(keys.size(), end - next));
    rows.resize(keys.size());
    std::iota(keys.begin(), keys.end(), next);
    table.translate(keys, rows);
    table.begin_step(next, {});
    table.admit(keys, rows, next);
  }
}

// The key of a row, its score, what finds it, and whether it is in use. Pages are whole, and a step has lists of its rows.
TEST(a_full_table_has_seventeen_bytes_a_row) {
  constexpr uint64_t kKeys = (uint64_t{1} << 22) - 1, kRest = uint64_t{1} << 20;
  const uint64_t before = resident_bytes();
  if (before == 0) return;
  DynamicTable table({.capacity = kKeys, .grow_from = kKeys, .evict = Evict::kLru});
  insert_keys(table, 0, kKeys);
  CHECK(resident_bytes() - before <= 17 * kKeys + kRest);
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
