#include "runtime/dynamic/admission.h"

#include <algorithm>

#include "runtime/dynamic/key_counts.h"
#include "runtime/dynamic/key_order.h"
#include "runtime/random.h"

namespace pairloom {
namespace {

constexpr uint32_t kMostCount = ~uint32_t{0};

class AdmitAll : public Admission {
  bool admits(uint64_t, uint64_t) const override { return true; }
};

// A draw for each step in which the key occurs.
class AdmitSome : public Admission {
 public:
  explicit AdmitSome(const DynamicSpec& spec)
      : below_(spec.admit_number * 0x1p32), seed_(spec.seed), stream_(spec.stream) {}

  bool admits(uint64_t key, uint64_t step) const override {
    const RowDraws draws = row_draws(random_key(seed_, stream_, step), key, 1);
    return double(draw(draws.key, draws.first)) < below_;
  }

 private:
  const double below_;
  const uint64_t seed_;
  const uint32_t stream_;
};

// Counts each key by itself.
class ExactCounter : public Admission {
 public:
  explicit ExactCounter(uint32_t least) : least_(least) {}

  void begin_step() override { before_.clear(); }
  void count(uint64_t key) override {
    const uint32_t count = counts_.of(key);
    set(key, count, count == kMostCount ? count : count + 1);
  }
  bool admits(uint64_t key, uint64_t) const override { return counts_.of(key) >= least_; }
  void forget(uint64_t key) override { set(key, counts_.of(key), 0); }
  void revert() override {
    for (; !before_.empty(); before_.pop_back()) counts_.set(before_.back().key, before_.back().count);
  }

  void save(std::vector<int64_t>& state) const override {
    std::vector<KeyCounts::Entry> entries = counts_.entries();
    std::sort(entries.begin(), entries.end(),
              [](const auto& a, const auto& b) { return before_in_checkpoints(a.key, b.key); });
    state.push_back(int64_t(entries.size()));
    for (const auto& entry : entries) state.push_back(int64_t(entry.key));
    for (const auto& entry : entries) state.push_back(entry.count);
  }
  bool restore(std::span<const int64_t> state) override {
    if (state.empty() || state[0] < 0 || state.size() % 2 == 0 || uint64_t(state[0]) != (state.size() - 1) / 2) {
      return false;
    }
    const size_t size = size_t(state[0]);
    KeyCounts counts;
    for (size_t i = 1; i <= size; ++i) counts.set(uint64_t(state[i]), uint32_t(state[i + size]));
    if (counts.size() != size) return false;
    counts_ = std::move(counts);
    before_.clear();
    return true;
  }

 private:
  void set(uint64_t key, uint32_t before, uint32_t count) {
    before_.push_back({key, before});
    counts_.set(key, count);
  }

  const uint32_t least_;
  KeyCounts counts_;
  std::vector<KeyCounts::Entry> before_;  // the changes of the step
};

// A counting Bloom filter (Fan et al., "Summary cache", 2000): a key's count is the least of its counters.
class BloomCounter : public Admission {
 public:
  BloomCounter(uint32_t least, uint64_t expect) : least_(least), counters_(expect * kCountersPerKey) {}

  void begin_step() override { before_.clear(); }
  void count(uint64_t key) override { add(key, 1); }
  bool admits(uint64_t key, uint64_t) const override { return estimate(key) >= least_; }
  void forget(uint64_t key) override { add(key, -int32_t(estimate(key))); }
  void revert() override {
    for (; !before_.empty(); before_.pop_back()) counters_[before_.back().place] = before_.back().count;
  }

  // Four counters a number.
  void save(std::vector<int64_t>& state) const override {
    state.push_back(int64_t(counters_.size()));
    const size_t first = state.size();
    state.resize(first + (counters_.size() + 3) / 4);
    for (size_t i = 0; i < counters_.size(); ++i) {
      state[first + i / 4] |= int64_t(uint64_t{counters_[i]} << (16 * (i % 4)));
    }
  }
  bool restore(std::span<const int64_t> state) override {
    const size_t size = counters_.size();
    if (state.size() != 1 + (size + 3) / 4 || uint64_t(state[0]) != size) return false;
    for (size_t i = 0; i < size; ++i) counters_[i] = uint16_t(uint64_t(state[1 + i / 4]) >> (16 * (i % 4)));
    before_.clear();
    return true;
  }

 private:
  static constexpr uint64_t kHashes = 4, kApart = 0x9e3779b97f4a7c15u;
  static constexpr uint64_t kCountersPerKey = 6;  // src/backends/reference/admission.ts says why these numbers
  static constexpr int32_t kMost = 0xffff;

  struct Before {
    uint64_t place;
    uint16_t count;
  };

  uint64_t place_of(uint64_t key, uint64_t hash) const {
    return ((hash_key(key + hash * kApart) >> 32) * counters_.size()) >> 32;
  }
  uint32_t estimate(uint64_t key) const {
    uint32_t least = kMost;
    for (uint64_t hash = 0; hash < kHashes; ++hash) {
      least = std::min<uint32_t>(least, counters_[place_of(key, hash)]);
    }
    return least;
  }
  void add(uint64_t key, int32_t change) {
    for (uint64_t hash = 0; hash < kHashes; ++hash) {
      const uint64_t place = place_of(key, hash);
      before_.push_back({place, counters_[place]});
      counters_[place] = uint16_t(std::clamp(int32_t(counters_[place]) + change, 0, kMost));
    }
  }

  const uint32_t least_;
  Block<uint16_t> counters_;
  std::vector<Before> before_;  // the changes of the step
};

}  // namespace

std::unique_ptr<Admission> make_admission(const DynamicSpec& spec) {
  switch (spec.admit) {
    case Admit::kProbability: return std::make_unique<AdmitSome>(spec);
    case Admit::kExact: return std::make_unique<ExactCounter>(uint32_t(spec.admit_number));
    case Admit::kBloom: return std::make_unique<BloomCounter>(uint32_t(spec.admit_number), spec.expect);
    default: return std::make_unique<AdmitAll>();
  }
}

}  // namespace pairloom
