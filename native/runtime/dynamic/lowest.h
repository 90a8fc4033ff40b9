// The rows in ascending order of (score, key), without a scan of the table in each step.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "runtime/dynamic/scores.h"

namespace pairloom {

// All rows below a bound, which one scan of the table has found and sorted, and a heap of those that came below it
// later. Scores only rise: an entry whose row has another score or key by now is out of date, and a row that was used is
// here again or beyond the bound. When both are empty, the next scan finds the next rows.
class Lowest {
 public:
  struct Entry {
    uint64_t key;
    uint32_t score, row;
  };

  Lowest(const uint64_t* keys, const Scores& scores) : keys_(keys), scores_(scores) {}

  // The lowest of the rows up to `rows` of which `eligible(row)` holds. Rows in use by the step never are.
  template <class Eligible>
  std::optional<Entry> first(uint32_t rows, const Eligible& eligible) {
    for (;;) {
      for (; !empty(); pop()) {
        const Entry& entry = heap_is_next() ? heap_.front() : found_.back();
        if (is_current(entry) && eligible(entry.row)) return entry;
      }
      if (!scan(rows, eligible)) return std::nullopt;
    }
  }
  // One that will be first soon, if the scan has found one.
  const Entry* later(size_t by) const { return by < found_.size() ? &found_[found_.size() - 1 - by] : nullptr; }
  // A row has a new score, at the end of a step.
  void update(uint32_t row, uint32_t rows) {
    const Entry entry = entry_of(row);
    if (!(order(entry) < bound_)) return;
    heap_.push_back(entry);
    std::push_heap(heap_.begin(), heap_.end(), is_later);
    if (heap_.size() > rows / kShare + kLeast) reset();  // it takes as much memory as what a scan finds
  }
  // Rows have changed in other ways.
  void reset() {
    found_.clear();
    heap_.clear();
    bound_ = {0, 0};
  }

 private:
  using Order = std::pair<uint32_t, uint64_t>;  // score, key
  static constexpr uint64_t kLeast = 64, kShare = 128, kMost = uint64_t{1} << 21, kSamples = 4096;
  static constexpr Order kNoBound{Scores::kFree, ~uint64_t{0}};

  static Order order(const Entry& entry) { return {entry.score, entry.key}; }
  static bool is_later(const Entry& a, const Entry& b) { return order(a) > order(b); }
  Entry entry_of(uint32_t row) const { return {keys_[row], scores_.get(row), row}; }
  bool is_current(const Entry& entry) const {
    return keys_[entry.row] == entry.key && scores_.get(entry.row) == entry.score;
  }

  bool empty() const { return found_.empty() && heap_.empty(); }
  bool heap_is_next() const {
    return found_.empty() || (!heap_.empty() && is_later(found_.back(), heap_.front()));
  }
  void pop() {
    if (!heap_is_next()) return found_.pop_back();
    std::pop_heap(heap_.begin(), heap_.end(), is_later);
    heap_.pop_back();
  }

  template <class Eligible>
  bool scan(uint32_t rows, const Eligible& eligible) {
    if (bound_ == kNoBound) return false;
    for (uint64_t share = kShare; found_.empty() && bound_ != kNoBound; share /= 2) {
      bound_ = share > 1 ? estimate(rows, share, eligible) : kNoBound;
      found_.reserve(std::min<uint64_t>(wanted(rows, share) * 3 / 2, rows));
      const auto next = [&](uint32_t row) { return scores_.next_up_to(bound_.first, row, rows + 1); };
      for (uint32_t row = next(1); row <= rows; row = next(row + 1)) {
        if (eligible(row) && order(entry_of(row)) < bound_) found_.push_back(entry_of(row));
      }
    }
    std::sort(found_.begin(), found_.end(), is_later);
    return !found_.empty();
  }

  static uint64_t wanted(uint32_t rows, uint64_t share) {
    return std::min(std::max<uint64_t>(rows / share, kLeast), kMost);
  }

  // A bound below which about one of `share` rows is, from rows at equal distances.
  template <class Eligible>
  Order estimate(uint32_t rows, uint64_t share, const Eligible& eligible) const {
    std::vector<Order> samples;
    for (uint64_t row = 1; row <= rows; row += 1 + rows / kSamples) {
      if (eligible(uint32_t(row))) samples.push_back(order(entry_of(uint32_t(row))));
    }
    const uint64_t at = samples.size() * wanted(rows, share) / std::max<uint64_t>(rows, 1);
    if (at >= samples.size()) return kNoBound;
    std::nth_element(samples.begin(), samples.begin() + ptrdiff_t(at), samples.end());
    return samples[at];
  }

  const uint64_t* const keys_;
  const Scores& scores_;
  std::vector<Entry> found_;  // the first at the end
  std::vector<Entry> heap_;
  Order bound_{0, 0};
};

}  // namespace pairloom
