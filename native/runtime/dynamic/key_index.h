// Finds the row of a key: a hash table of 4 bytes a slot, with linear probing and without tombstones.
#pragma once

#include <cstdint>
#include <span>

#include "runtime/memory.h"

namespace pairloom {

// Mixes the bits of a key (the last step of MurmurHash3 x64_128).
constexpr uint64_t hash_key(uint64_t h) {
  h = (h ^ (h >> 33)) * 0xff51afd7ed558ccdu;
  h = (h ^ (h >> 33)) * 0xc4ceb9fe1a85ec53u;
  return h ^ (h >> 33);
}

// A slot contains a row and, in the bits that rows leave, bits of its key's hash; 0 is an empty slot. The keys are where
// the owner has them, by row; row 0 has none.
class KeyIndex {
 public:
  // For rows up to `capacity`, with room for `expected` keys at first.
  KeyIndex(const uint64_t* keys, uint64_t capacity, uint64_t expected);

  uint64_t size() const { return size_; }
  uint64_t slots() const { return slots_.size(); }

  // The row of a key; 0 if it has none.
  uint32_t find(uint64_t key) const { return row_in(slots_[slot_of(key, hash_key(key))]); }
  // The same for many keys, whose cache misses overlap.
  void find(std::span<const uint64_t> keys, std::span<uint64_t> rows) const;
  // Asks for the memory in which a key is looked up.
  void prefetch(uint64_t key) const { __builtin_prefetch(&slots_[home_of(hash_key(key))], 1); }

  // Asks for the keys that `erase` reads, in slots that are there already.
  void prefetch_erase(uint64_t key) const;

  // The key of the row, which is not in the index.
  void insert(uint64_t key, uint32_t row);
  void erase(uint64_t key);
  // Forgets all keys, with room for `expected`.
  void clear(uint64_t expected);

 private:
  uint64_t home_of(uint64_t hash) const { return uint64_t((static_cast<unsigned __int128>(hash) * slots_.size()) >> 64); }
  uint64_t after(uint64_t slot) const { return ++slot == slots_.size() ? 0 : slot; }
  uint32_t row_in(uint32_t entry) const { return entry & row_mask_; }
  uint32_t digest_of(uint64_t hash) const { return uint32_t(hash) & ~row_mask_; }
  // The first slot from `slot` on that is empty or may be the key's.
  uint64_t candidate(uint64_t slot, uint32_t digest) const;
  uint64_t slot_from(uint64_t slot, uint64_t key, uint32_t digest) const;
  // The slot with the key, or the empty one where it would be.
  uint64_t slot_of(uint64_t key, uint64_t hash) const { return slot_from(home_of(hash), key, digest_of(hash)); }
  void place(uint64_t key, uint32_t row);
  void grow();

  const uint64_t* const keys_;
  const uint64_t capacity_;
  const uint32_t row_mask_;
  Block<uint32_t> slots_;
  uint64_t size_ = 0, most_ = 0;  // most: keys for which there is room
};

}  // namespace pairloom
