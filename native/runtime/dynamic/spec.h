// What a dynamic table is to do; src/graph/translation.ts explains and checks the numbers.
#pragma once

#include <cstdint>
#include <optional>

#include "runtime/table_layout.h"

namespace pairloom {

// The numbers are part of saved states.
enum class Evict : uint32_t { kNever, kLru, kLfu, kLfuDecay, kAge, kNorm };
enum class Admit : uint32_t { kAll, kProbability, kExact, kBloom };

// The slots [begin, end) of a table.
struct Slots {
  uint32_t begin, end;

  bool have(uint64_t key) const { return key % kTableSlots >= begin && key % kTableSlots < end; }
  bool operator==(const Slots&) const = default;
};

struct DynamicSpec {
  uint64_t capacity;          // keys
  uint64_t grow_from = 1024;  // keys
  Admit admit = Admit::kAll;
  double admit_number = 0;  // a probability or a count
  uint64_t expect = 0;      // keys that a Bloom filter is for
  Evict evict = Evict::kNever;
  double evict_number = 0;  // half-life, steps or norm
  uint64_t every = 0;       // steps, of kNorm
  bool trains_unknown = false;
  uint64_t seed = 0;  // of the draws of kProbability
  uint32_t stream = 0;
  std::optional<Slots> slots{};  // a rank keeps the rows of the keys in these; none: all rows
};

// The key of a missing value: it gets a row at once and keeps it.
constexpr uint64_t kMissingKey = uint64_t{1} << 63;

}  // namespace pairloom
