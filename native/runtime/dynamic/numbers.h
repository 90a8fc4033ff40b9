// Numbers that are given away and taken back, the lowest free one first.
#pragma once

#include <cstdint>
#include <functional>
#include <queue>
#include <vector>

namespace pairloom {

// The numbers 1 to `extent` are in use, or were.
class Numbers {
 public:
  uint32_t extent() const { return extent_; }
  // Whether the next number was in use before.
  bool reuses() const { return !free_.empty(); }
  uint32_t take() {
    if (free_.empty()) return ++extent_;
    const uint32_t number = free_.top();
    free_.pop();
    return number;
  }
  void free(uint32_t number) { free_.push(number); }

  // Those of which `is_free(number)` holds are free.
  template <class IsFree>
  void list_free(const IsFree& is_free) {
    free_ = {};
    for (uint32_t number = 1; number <= extent_; ++number) {
      if (is_free(number)) free_.push(number);
    }
  }
  // Moves the last numbers in use into the free ones, until the `used` ones are the first: calls move(from, to).
  template <class IsFree, class Move>
  void compact(uint64_t used, const IsFree& is_free, const Move& move) {
    for (; extent_ > used; --extent_) {
      if (is_free(extent_)) continue;
      move(extent_, free_.top());
      free_.pop();
    }
    free_ = {};
  }

 private:
  uint32_t extent_ = 0;
  std::priority_queue<uint32_t, std::vector<uint32_t>, std::greater<>> free_;
};

}  // namespace pairloom
