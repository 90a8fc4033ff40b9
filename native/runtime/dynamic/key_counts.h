// Counts of keys, without a limit on their number.
#pragma once

#include <cstdint>
#include <vector>

#include "runtime/dynamic/key_index.h"

namespace pairloom {

// A hash table with linear probing; a count of 0 is an empty slot.
class KeyCounts {
 public:
  struct Entry {
    uint64_t key;
    uint32_t count;
  };

  uint32_t of(uint64_t key) const { return counts_.empty() ? 0 : counts_[slot_of(key)]; }
  void set(uint64_t key, uint32_t count) {
    if (count == 0) return erase(key);
    if (4 * (size_ + 1) > 3 * counts_.size()) grow();
    const size_t slot = slot_of(key);
    size_ += counts_[slot] == 0;
    keys_[slot] = key;
    counts_[slot] = count;
  }
  std::vector<Entry> entries() const {
    std::vector<Entry> found;
    for (size_t slot = 0; slot < counts_.size(); ++slot) {
      if (counts_[slot] != 0) found.push_back({keys_[slot], counts_[slot]});
    }
    return found;
  }
  size_t size() const { return size_; }

 private:
  static constexpr size_t kFirst = 64;  // slots, always a power of two

  size_t home_of(uint64_t key) const { return hash_key(key) & (counts_.size() - 1); }
  size_t after(size_t slot) const { return (slot + 1) & (counts_.size() - 1); }
  size_t slot_of(uint64_t key) const {
    size_t slot = home_of(key);
    while (counts_[slot] != 0 && keys_[slot] != key) slot = after(slot);
    return slot;
  }
  void grow() {
    KeyCounts larger;
    larger.keys_.resize(counts_.empty() ? kFirst : 2 * counts_.size());
    larger.counts_.resize(larger.keys_.size());
    for (const Entry& entry : entries()) larger.set(entry.key, entry.count);
    *this = std::move(larger);
  }
  // Entries behind the gap move into it, unless they would then stand before their home.
  void erase(uint64_t key) {
    if (of(key) == 0) return;
    size_t gap = slot_of(key);
    for (size_t slot = after(gap); counts_[slot] != 0; slot = after(slot)) {
      const size_t mask = counts_.size() - 1, from_home = (slot - home_of(keys_[slot])) & mask;
      if (from_home < ((slot - gap) & mask)) continue;
      keys_[gap] = keys_[slot];
      counts_[gap] = counts_[slot];
      gap = slot;
    }
    counts_[gap] = 0;
    --size_;
  }

  std::vector<uint64_t> keys_;
  std::vector<uint32_t> counts_;
  size_t size_ = 0;
};

}  // namespace pairloom
