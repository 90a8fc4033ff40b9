#include "runtime/dynamic/key_index.h"

#include <algorithm>
#include <bit>

namespace pairloom {
namespace {

constexpr uint64_t kLeast = 64;      // keys
constexpr size_t kApart = 12;        // keys between the phases of a lookup: their cache misses overlap
constexpr size_t kRing = 32;         // at least two phases, a power of two
constexpr uint64_t kPrefetched = 16;  // rows whose keys are asked for while slots are moved

// A key takes 39/8 bytes at most. With its key, a score of 4 bytes and a bit, a row of a table has 17 bytes.
uint64_t slots_for(uint64_t keys) { return keys + keys * 7 / 32 + 2; }

}  // namespace

KeyIndex::KeyIndex(const uint64_t* keys, uint64_t capacity, uint64_t expected)
    : keys_(keys), capacity_(capacity), row_mask_(uint32_t((uint64_t{1} << std::bit_width(capacity)) - 1)) {
  clear(expected);
}

void KeyIndex::clear(uint64_t expected) {
  most_ = std::min(capacity_, std::max(kLeast, expected));
  slots_ = Block<uint32_t>(slots_for(most_));
  size_ = 0;
}

uint64_t KeyIndex::candidate(uint64_t slot, uint32_t digest) const {
  for (;; slot = after(slot)) {
    const uint32_t entry = slots_[slot];
    if (entry == 0 || (entry & ~row_mask_) == digest) return slot;
  }
}

uint64_t KeyIndex::slot_from(uint64_t slot, uint64_t key, uint32_t digest) const {
  for (;; slot = after(slot)) {
    slot = candidate(slot, digest);
    const uint32_t entry = slots_[slot];
    if (entry == 0 || keys_[row_in(entry)] == key) return slot;
  }
}

// Three phases, each `kApart` keys behind the one before: ask for the slot; look at it and ask for the key of its row;
// compare the key.
void KeyIndex::find(std::span<const uint64_t> keys, std::span<uint64_t> rows) const {
  struct Flight {
    uint64_t slot;
    uint32_t digest;
  };
  Flight ring[kRing];
  for (size_t i = 0; i < keys.size() + 2 * kApart; ++i) {
    if (i < keys.size()) {
      const uint64_t hash = hash_key(keys[i]);
      ring[i % kRing] = {home_of(hash), digest_of(hash)};
      __builtin_prefetch(&slots_[ring[i % kRing].slot]);
    }
    if (i >= kApart && i - kApart < keys.size()) {
      Flight& flight = ring[(i - kApart) % kRing];
      flight.slot = candidate(flight.slot, flight.digest);
      __builtin_prefetch(&keys_[row_in(slots_[flight.slot])]);
    }
    if (i >= 2 * kApart) {
      const Flight& flight = ring[(i - 2 * kApart) % kRing];
      rows[i - 2 * kApart] = row_in(slots_[slot_from(flight.slot, keys[i - 2 * kApart], flight.digest)]);
    }
  }
}

void KeyIndex::place(uint64_t key, uint32_t row) {
  const uint64_t hash = hash_key(key);
  uint64_t slot = home_of(hash);
  while (slots_[slot] != 0) slot = after(slot);
  slots_[slot] = row | digest_of(hash);
}

void KeyIndex::insert(uint64_t key, uint32_t row) {
  if (size_ == most_) grow();
  place(key, row);
  ++size_;
}

// The slots keep the order of the hashes, more or less, so both tables are gone through from front to back.
void KeyIndex::grow() {
  most_ = std::min(capacity_, 2 * most_);
  const Block<uint32_t> old = std::exchange(slots_, Block<uint32_t>(slots_for(most_)));
  for (uint64_t slot = 0; slot < old.size(); ++slot) {
    if (slot + kPrefetched < old.size()) __builtin_prefetch(&keys_[row_in(old[slot + kPrefetched])]);
    if (old[slot] != 0) place(keys_[row_in(old[slot])], row_in(old[slot]));
  }
}

void KeyIndex::prefetch_erase(uint64_t key) const {
  for (uint64_t slot = home_of(hash_key(key)); slots_[slot] != 0; slot = after(slot)) {
    __builtin_prefetch(&keys_[row_in(slots_[slot])]);
  }
}

// Entries behind the gap move into it, unless they would then stand before their home.
void KeyIndex::erase(uint64_t key) {
  uint64_t gap = slot_of(key, hash_key(key));
  for (uint64_t slot = after(gap); slots_[slot] != 0; slot = after(slot)) {
    const uint64_t home = home_of(hash_key(keys_[row_in(slots_[slot])]));
    const bool stays = gap < slot ? gap < home && home <= slot : gap < home || home <= slot;
    if (stays) continue;
    slots_[gap] = slots_[slot];
    gap = slot;
  }
  slots_[gap] = 0;
  --size_;
}

}  // namespace pairloom
