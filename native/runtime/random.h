// Counter-based random draws (docs/design/program-format.md, "Random draws"): one u32 per (seed, stream, step, index).
#pragma once

#include <cstdint>

#include "runtime/column_range.h"
#include "runtime/inline.h"

namespace pairloom {

struct RandomKey {
  uint32_t k0, k1;
};

PAIRLOOM_INLINE constexpr uint32_t mix(uint32_t h) {
  h ^= h >> 16;
  h *= 0x21f0aaadu;
  h ^= h >> 15;
  h *= 0x735a2d97u;
  return h ^ (h >> 15);
}

// The part of a draw that is the same for all indices of one (seed, stream, step).
constexpr RandomKey random_key(uint64_t seed, uint32_t stream, uint64_t step) {
  const auto low = [](uint64_t v) { return static_cast<uint32_t>(v); };
  const auto high = [](uint64_t v) { return static_cast<uint32_t>(v >> 32); };
  const uint32_t k0 = mix(low(seed) ^ mix(high(seed) + 0x9e3779b9u) ^ mix(stream + 0x85ebca6bu));
  const uint32_t k1 = mix(k0 ^ mix(low(step) + 0xc2b2ae35u) ^ mix(high(step) + 0x27d4eb2fu));
  return {k0, k1};
}

// The key of draws whose indices have the same upper 32 bits as this one; draws then take the lower 32 bits.
PAIRLOOM_INLINE constexpr RandomKey key_at(RandomKey key, uint64_t index) {
  const uint32_t high = static_cast<uint32_t>(index >> 32);
  return high == 0 ? key : RandomKey{key.k0, mix(key.k1 ^ mix(high + 0x165667b1u))};
}

constexpr uint32_t draw(RandomKey key, uint64_t index) {
  return mix(mix(static_cast<uint32_t>(index) ^ key.k0) + key_at(key, index).k1);
}

// The draws of a table's row: element d has index `first + d`. Blocks of 2^51 indices have keys of their own, so that
// the names of rows may have 64 bits; the first of them is that of fixed tables, whose names are the rows.
struct RowDraws {
  RandomKey key;
  uint64_t first;
};

constexpr uint64_t kBlockBits = 51, kUnnamedBlock = uint64_t{1} << 48;  // of rows without a name

constexpr RandomKey block_key(RandomKey key, uint64_t block) {
  if (block == 0) return key;
  return {key.k0, mix(key.k1 ^ mix(uint32_t(block) + 0x85ebca77u) ^ mix(uint32_t(block >> 32) + 0xc2b2ae3du))};
}

constexpr RowDraws row_draws(RandomKey key, uint64_t name, uint64_t width) {
  const unsigned __int128 index = static_cast<unsigned __int128>(name) * width;
  return {block_key(key, uint64_t(index >> kBlockBits)), uint64_t(index) & ((uint64_t{1} << kBlockBits) - 1)};
}

constexpr RowDraws unnamed_row_draws(RandomKey key) { return {block_key(key, kUnnamedBlock), 0}; }

// Of some columns of a row.
constexpr RowDraws draws_of_columns(const RowDraws& row, const ColumnRange& columns) {
  return {row.key, row.first + columns.begin};
}

}  // namespace pairloom
