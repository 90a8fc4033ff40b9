// Squares of the rows of a dynamic table of which ranks have some columns each, where keys lose rows by their norms. A rank adds its
// columns of the first weights to what the one before it has sent, and the first rank goes on with the next weights: numbers are
// added in the order of one process. The last rank knows which keys these are.
#include <cstring>
#include <exception>

#include "cpu/exchange/exchangers.h"

namespace pairloom {
namespace {

class PassSquares : public Exchanger {
 public:
  PassSquares(const Translation& table, const Shard& shard, std::vector<uint64_t>& outdated)
      : table_(table), map_(shard.map), rank_(shard.rank), outdated_(outdated) {}

  uint32_t rounds() const override { return turns() - 1; }
  const char* name(uint32_t) const override { return "norms"; }
  void begin(const StepContext&) override {
    attempt([&] { rows_ = table_.normed_rows(); });
    if (has_turn(0)) add(0);
  }
  uint64_t sends(uint32_t round, uint32_t to) const override { return passes(round, rank_, to) ? bytes() : 0; }
  uint64_t receives(uint32_t round, uint32_t from) const override { return passes(round, from, rank_) ? bytes() : 0; }
  void pack(uint32_t round, uint32_t to, char* to_bytes) override {
    if (sends(round, to) > 0) std::memcpy(to_bytes, rows_.squares.data(), bytes());
  }
  void unpack(uint32_t round, uint32_t from, const char* from_bytes) override {
    if (receives(round, from) > 0) std::memcpy(rows_.squares.data(), from_bytes, bytes());
  }
  void finish(uint32_t round) override {
    if (has_turn(round + 1)) add(round + 1);
  }
  void check() const override {
    if (failure_) std::rethrow_exception(failure_);
  }

 private:
  uint32_t turns() const { return map_.columns * table_.weights(); }
  uint32_t rank_of(uint32_t turn) const { return map_.first_of_share(rank_) + turn % map_.columns; }
  bool has_turn(uint32_t turn) const { return rank_of(turn) == rank_; }
  bool passes(uint32_t round, uint32_t from, uint32_t to) const { return rank_of(round) == from && rank_of(round + 1) == to; }
  uint64_t bytes() const { return rows_.squares.size() * sizeof(double); }

  void add(uint32_t turn) {
    attempt([&] {
      table_.add_squares(turn / map_.columns, rows_);
      if (turn + 1 == turns()) outdated_ = table_.outdated(rows_);
    });
  }
  // Rows may have to be read from a disk.
  template <class Work>
  void attempt(const Work& work) {
    try {
      work();
    } catch (...) {
      failure_ = std::current_exception();
    }
  }

  const Translation& table_;
  const SlotMap map_;
  const uint32_t rank_;
  std::vector<uint64_t>& outdated_;
  NormedRows rows_;
  std::exception_ptr failure_;
};

}  // namespace

std::unique_ptr<Exchanger> pass_squares(const Translation& table, const Shard& shard, std::vector<uint64_t>& outdated) {
  return std::make_unique<PassSquares>(table, shard, outdated);
}

}  // namespace pairloom
