// What every rank has a part of, to all ranks.
#include <algorithm>
#include <cstring>
#include <numeric>
#include <utility>

#include "cpu/exchange/exchangers.h"

namespace pairloom {
namespace {

// The sums of a table's slots, each from its owner; from the first one, if owners have columns.
class GatherSlots : public Exchanger {
 public:
  GatherSlots(const BoundInstruction& instruction, const RowRoute& route)
      : views_(instruction.views), map_(route.shard().map), rank_(route.shard().rank) {}

  uint32_t rounds() const override { return 1; }
  const char* name(uint32_t) const override { return "squares"; }
  uint64_t sends(uint32_t, uint32_t) const override { return receives(0, rank_); }
  uint64_t receives(uint32_t, uint32_t from) const override {
    return map_.first_of_share(from) == from ? (map_.end_slot(from) - map_.begin_slot(from)) * sizeof(float) : 0;
  }
  void pack(uint32_t, uint32_t to, char* bytes) override {
    std::memcpy(bytes, views_[0].base + map_.begin_slot(rank_), sends(0, to));
  }
  void unpack(uint32_t, uint32_t from, const char* bytes) override {
    std::memcpy(views_[1].base + map_.begin_slot(from), bytes, receives(0, from));
  }
  void keep(uint32_t) override {
    const size_t begin = map_.begin_slot(rank_);
    std::memcpy(views_[1].base + begin, views_[0].base + begin, receives(0, rank_));
  }

 private:
  const std::vector<View>& views_;
  const SlotMap map_;
  const uint32_t rank_;
};

// The rows of the batch, from memory of `from` and to that of `to`.
class GatherRows : public Exchanger {
 public:
  struct Memory {
    float* base;
    size_t stride;
  };

  GatherRows(Memory from, Memory to, size_t row_floats)
      : from_(from), to_(to), row_bytes_(row_floats * sizeof(float)) {}

  uint32_t rounds() const override { return 1; }
  const char* name(uint32_t) const override { return "batch"; }
  void begin(const StepContext& step) override { step_ = &step; }
  uint64_t sends(uint32_t, uint32_t) const override { return receives(0, step_->rank); }
  uint64_t receives(uint32_t, uint32_t from) const override { return (end_of(from) - begin_of(from)) * row_bytes_; }
  void pack(uint32_t, uint32_t, char* bytes) override {
    for (size_t row = begin_of(step_->rank); row < end_of(step_->rank); ++row, bytes += row_bytes_) {
      std::memcpy(bytes, from_.base + row * from_.stride, row_bytes_);
    }
  }
  void unpack(uint32_t, uint32_t from, const char* bytes) override {
    for (size_t row = begin_of(from); row < end_of(from); ++row, bytes += row_bytes_) {
      std::memcpy(to_.base + row * to_.stride, bytes, row_bytes_);
    }
  }
  void keep(uint32_t) override {
    if (from_.base == to_.base) return;
    for (size_t row = begin_of(step_->rank); row < end_of(step_->rank); ++row) {
      std::memcpy(to_.base + row * to_.stride, from_.base + row * from_.stride, row_bytes_);
    }
  }

 private:
  uint32_t begin_of(uint32_t rank) const { return step_->first_row(step_->groups_of(rank).begin); }
  uint32_t end_of(uint32_t rank) const { return step_->first_row(step_->groups_of(rank).end); }

  const Memory from_, to_;
  const size_t row_bytes_;
  const StepContext* step_ = nullptr;
};

// How many, then the keys.
class GatherKeys : public Exchanger {
 public:
  explicit GatherKeys(std::vector<uint64_t>& keys) : keys_(keys) {}

  uint32_t rounds() const override { return 2; }
  const char* name(uint32_t round) const override { return round == 0 ? "counts" : "keys"; }
  void begin(const StepContext& step) override {
    own_ = std::exchange(keys_, {});
    counts_.assign(step.ranks, 0);
    rank_ = step.rank;
  }
  uint64_t sends(uint32_t round, uint32_t) const override {
    return (round == 0 ? 1 : own_.size()) * sizeof(uint64_t);
  }
  uint64_t receives(uint32_t round, uint32_t from) const override {
    return (round == 0 ? 1 : counts_[from]) * sizeof(uint64_t);
  }
  void pack(uint32_t round, uint32_t, char* bytes) override {
    const uint64_t count = own_.size();
    if (round == 0) std::memcpy(bytes, &count, sizeof count);
    else if (count > 0) std::memcpy(bytes, own_.data(), count * sizeof(uint64_t));
  }
  void unpack(uint32_t round, uint32_t from, const char* bytes) override {
    if (round == 0) return void(std::memcpy(&counts_[from], bytes, sizeof(uint64_t)));
    if (counts_[from] > 0) std::memcpy(&*place_of(from), bytes, counts_[from] * sizeof(uint64_t));
  }
  void keep(uint32_t round) override {
    if (round == 0) counts_[rank_] = own_.size();
    else std::copy(own_.begin(), own_.end(), place_of(rank_));
  }
  void finish(uint32_t round) override {
    if (round == 0) keys_.resize(std::accumulate(counts_.begin(), counts_.end(), uint64_t{0}));
  }

 private:
  std::vector<uint64_t>::iterator place_of(uint32_t rank) const {
    return keys_.begin() + ptrdiff_t(std::accumulate(counts_.begin(), counts_.begin() + rank, uint64_t{0}));
  }

  std::vector<uint64_t>& keys_;
  std::vector<uint64_t> own_, counts_;  // counts: by rank
  uint32_t rank_ = 0;
};

}  // namespace

void gather_slots(const BoundInstruction& instruction, std::deque<RowRoute>& routes, ExchangeStage& stage) {
  stage.add(std::make_unique<GatherSlots>(instruction, routes[size_t(instruction.attribute(kRoute))]));
}
void gather_rows(const BoundInstruction& instruction, std::deque<RowRoute>&, ExchangeStage& stage) {
  const View &from = instruction.views[0], &to = instruction.views[1];
  const size_t floats = is_ids(from.dtype) ? ids_width(from.dtype) : from.size;
  stage.add(std::make_unique<GatherRows>(GatherRows::Memory{from.base, from.stride},
                                         GatherRows::Memory{to.base, to.stride}, floats));
}

std::unique_ptr<Exchanger> gather_keys(std::vector<uint64_t>& keys) { return std::make_unique<GatherKeys>(keys); }

std::unique_ptr<Exchanger> gather_outputs(float* rows, size_t width) {
  const GatherRows::Memory memory{rows, width};
  return std::make_unique<GatherRows>(memory, memory, width);
}

}  // namespace pairloom
