// The order of keys in checkpoints.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/table_layout.h"

namespace pairloom {

// By slot, in a slot by key, as unsigned numbers.
inline bool before_in_checkpoints(uint64_t a, uint64_t b) {
  const uint64_t x = a % kTableSlots, y = b % kTableSlots;
  return x != y ? x < y : a < b;
}

// Brings rows into the order of their keys, which are different. keys: of all rows.
void order_for_checkpoints(std::span<const uint64_t> keys, std::vector<uint32_t>& rows);

}  // namespace pairloom
