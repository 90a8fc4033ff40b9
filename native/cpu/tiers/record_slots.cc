#include "cpu/tiers/record_slots.h"

#include <algorithm>
#include <bit>
#include <utility>

namespace pairloom {
namespace {

// Bits for the slots of the given number of records of a region.
uint64_t words_for(uint64_t records, bool moving) { return (moving ? records * 3 / 2 : records) / 64 + 1; }

uint64_t all_words(uint64_t records, bool moving) {
  return records / RecordSlots::kRegion * (RecordSlots::slots_a_region(moving) / 64) + words_for(records % RecordSlots::kRegion, moving);
}

}  // namespace

void merge_rest(std::vector<uint64_t>& numbers, size_t sorted) {
  const auto rest = numbers.begin() + ptrdiff_t(sorted);
  std::sort(rest, numbers.end());
  std::inplace_merge(numbers.begin(), rest, numbers.end());
  numbers.erase(std::unique(numbers.begin(), numbers.end()), numbers.end());
}

RecordSlots::RecordSlots(uint64_t records, bool moving)
    : records_(records), moving_(moving), places_(moving ? records : 0), used_(all_words(records, moving)) {}

uint64_t RecordSlots::memory_for(uint64_t records, bool moving) {
  return all_words(records, moving) * sizeof(uint64_t) + (moving ? records * sizeof(uint16_t) : 0);
}

bool RecordSlots::has(uint64_t record) const {
  return moving_ ? places_[record] != 0 : (used_[record / 64] & bit(record)) != 0;
}

uint64_t RecordSlots::slot_of(uint64_t record) const {
  return moving_ ? region_of(record) * slots_a_region() + places_[record] - 1 : record;
}

std::vector<uint64_t> RecordSlots::records() const {
  std::vector<uint64_t> all;
  for (uint64_t record = 0; record < records_; ++record) {
    if (has(record)) all.push_back(record);
  }
  return all;
}

// The fewest words in a row with the given number of free slots, among those for as many records as there are then.
RecordSlots::Words RecordSlots::narrowest(uint64_t region, uint64_t count) const {
  const uint64_t* const words = used_.data() + region * words_a_region();
  const uint64_t size = std::min(words_a_region(), used_.size() - region * words_a_region());
  const auto free_in = [&](uint64_t word) { return uint64_t(std::popcount(~words[word])); };
  uint64_t free = 0;
  for (uint64_t word = 0; word < size; ++word) free += free_in(word);
  const uint64_t end = std::min(size, words_for(size * 64 - free + count, true));
  Words best{0, size};
  free = 0;
  for (uint64_t word = 0, first = 0; word < end; ++word) {
    for (free += free_in(word); free >= count; free -= free_in(first++)) {
      if (word + 1 - first < best.end - best.first) best = {first, word + 1};
    }
  }
  return best;
}

std::vector<uint64_t> RecordSlots::reserve(std::span<const uint64_t> records) {
  std::vector<uint64_t> slots;
  if (!moving_) {
    slots.assign(records.begin(), records.end());
  } else {
    const uint64_t region = region_of(records.front()), base = region * words_a_region();
    const Words range = narrowest(region, records.size());
    for (uint64_t word = base + range.first; word < base + range.end; ++word) {
      for (uint64_t free = ~used_[word]; free != 0 && slots.size() < records.size(); free &= free - 1) {
        slots.push_back(word * 64 + uint64_t(std::countr_zero(free)));
      }
    }
  }
  for (const uint64_t slot : slots) use(slot);
  return slots;
}

void RecordSlots::give(uint64_t slot, uint64_t record) {
  if (moving_) places_[record] = uint16_t(slot % slots_a_region() + 1);
}

void RecordSlots::remove(uint64_t record) {
  if (!has(record)) return;
  free(slot_of(record));
  if (moving_) places_[record] = 0;
}

void RecordSlots::remove_from(uint64_t first) {
  for (uint64_t record = first; record < records_; ++record) remove(record);
}

void RecordSlots::retire(uint64_t record) {
  if (!has(record)) return;
  if (!moving_) return free(record);
  retired_.push_back(slot_of(record));
  places_[record] = 0;
}

void RecordSlots::restore(uint64_t record, uint64_t slot) {
  use(slot);
  give(slot, record);
  std::erase(retired_, slot);
  std::erase(retired_before_, slot);
}

void RecordSlots::free_retired() {
  for (const uint64_t slot : retired_before_) free(slot);
  retired_before_ = std::exchange(retired_, {});
}

}  // namespace pairloom
