// Where in a file the records are that it has.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "runtime/memory.h"

namespace pairloom {

// Sorts numbers of which the first `sorted` already ascend, and leaves one of those that are equal.
void merge_rest(std::vector<uint64_t>& numbers, size_t sorted);

// Records are in regions: this number of records that follow each other have their slots together.
class RecordSlots {
 public:
  static constexpr uint64_t kRegion = 16384;  // records

  // `moving`: a record that is written gets a slot near those of others that are written with it, so that few
  // operations of the disk write many. There are half as many slots more than records then, and 2 bytes of memory a
  // record. Otherwise slot i is that of record i.
  RecordSlots(uint64_t records, bool moving);
  static uint64_t memory_for(uint64_t records, bool moving);
  // The slots of a region, beginning with slot `region * slots_a_region(moving)`.
  static uint64_t slots_a_region(bool moving) { return moving ? kRegion + kRegion / 2 : kRegion; }
  static uint64_t region_of(uint64_t record) { return record / kRegion; }

  bool has(uint64_t record) const;
  // Of a record that has one.
  uint64_t slot_of(uint64_t record) const;
  // All that have one, ascending.
  std::vector<uint64_t> records() const;

  // Chooses slots for records of a region, ascending, that have none. Then each is given to its record, or is free
  // again.
  std::vector<uint64_t> reserve(std::span<const uint64_t> records);
  void give(uint64_t slot, uint64_t record);
  void free(uint64_t slot) { used_[slot / 64] &= ~bit(slot); }
  // The record has no slot any more.
  void remove(uint64_t record);
  // Nor do all records from `first` on.
  void remove_from(uint64_t first);
  // The same, but no other record gets the slot before the second next call of `free_retired`, so that the record may
  // have it again.
  void retire(uint64_t record);
  void restore(uint64_t record, uint64_t slot);
  void free_retired();

 private:
  struct Words {
    uint64_t first, end;
  };

  static uint64_t bit(uint64_t slot) { return uint64_t{1} << (slot % 64); }
  uint64_t slots_a_region() const { return slots_a_region(moving_); }
  uint64_t words_a_region() const { return slots_a_region() / 64; }
  void use(uint64_t slot) { used_[slot / 64] |= bit(slot); }
  Words narrowest(uint64_t region, uint64_t count) const;

  const uint64_t records_;
  const bool moving_;
  Block<uint16_t> places_;  // by record, if they move: its slot in the region, plus one; 0 for none
  Block<uint64_t> used_;    // a bit for each slot
  std::vector<uint64_t> retired_, retired_before_;  // slots
};

}  // namespace pairloom
