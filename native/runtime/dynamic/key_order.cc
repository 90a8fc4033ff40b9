#include "runtime/dynamic/key_order.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

namespace pairloom {
namespace {

// Where the rows of each slot begin, and the number of rows.
std::array<size_t, kTableSlots + 1> slot_starts(std::span<const uint64_t> keys, std::span<const uint32_t> rows) {
  std::array<size_t, kTableSlots + 1> starts{};
  for (const uint32_t row : rows) ++starts[keys[row] % kTableSlots + 1];
  std::partial_sum(starts.begin(), starts.end(), starts.begin());
  return starts;
}

std::vector<uint32_t> by_slot(std::span<const uint64_t> keys, std::span<const uint32_t> rows,
                              std::array<size_t, kTableSlots + 1> next) {
  std::vector<uint32_t> sorted(rows.size());
  for (const uint32_t row : rows) sorted[next[keys[row] % kTableSlots]++] = row;
  return sorted;
}

}  // namespace

// Keys lie in the order of rows, which is random for comparisons. Those of one slot are copied, and compared in the cache.
void order_for_checkpoints(std::span<const uint64_t> keys, std::vector<uint32_t>& rows) {
  const auto starts = slot_starts(keys, rows);
  rows = by_slot(keys, rows, starts);
  std::vector<std::pair<uint64_t, uint32_t>> slot;
  for (size_t s = 0; s < kTableSlots; ++s) {
    const std::span<uint32_t> own(rows.data() + starts[s], starts[s + 1] - starts[s]);
    slot.clear();
    for (const uint32_t row : own) slot.emplace_back(keys[row], row);
    std::sort(slot.begin(), slot.end());
    std::transform(slot.begin(), slot.end(), own.begin(), [](const auto& each) { return each.second; });
  }
}

}  // namespace pairloom
