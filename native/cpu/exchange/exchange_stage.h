// Runs the instructions of an exchange stage together: one collective call a round, however many they are.
#pragma once

#include <exception>
#include <memory>
#include <vector>

#include "cpu/exchange/exchanger.h"
#include "cpu/pool.h"
#include "distributed/communicator.h"
#include "runtime/memory.h"

namespace pairloom {

class ExchangeStage {
 public:
  void add(std::unique_ptr<Exchanger> exchanger) { exchangers_.push_back(std::move(exchanger)); }

  bool empty() const { return exchangers_.empty(); }

  // A rank that has failed takes part in the first round all the same. Then every rank throws the error of the first
  // rank that has failed, so that all stop in the same step. Returns a failure of this rank that the others do not know
  // of yet.
  std::exception_ptr run(Communicator& ranks, Pool& pool, const StepContext& step, std::exception_ptr failure) {
    begin(ranks, pool, step, std::move(failure));
    return end(ranks, pool, nullptr);
  }

  // The same in two parts, between which the rank may compute: packs what the first round sends, then does all else.
  // `failure`: what this rank has met so far, or since begin().
  void begin(const Communicator& ranks, Pool& pool, const StepContext& step, std::exception_ptr failure);
  std::exception_ptr end(Communicator& ranks, Pool& pool, std::exception_ptr failure, Waiting waiting = Waiting::awake());

 private:
  // The bytes for each other rank, or from each: a status, then the part of each exchanger that has this round.
  struct Blocks {
    std::vector<uint64_t> sizes, starts;  // by rank
    std::vector<uint64_t> parts;          // where they begin: of the first rank, then of the next one
    Block<char> bytes;
  };

  template <class Size>
  void lay_out(Blocks& blocks, const Communicator& ranks, const Size& size) const;
  template <class Work>
  void each_part(Pool& pool, uint32_t round, uint32_t ranks, const Work& work);
  void pack(const Communicator& ranks, Pool& pool, uint32_t round);
  void exchange(Communicator& ranks, Pool& pool, uint32_t round, Waiting waiting);
  void check_statuses(Communicator& ranks, const Blocks& received) const;
  std::exception_ptr check() const;

  std::vector<std::unique_ptr<Exchanger>> exchangers_;
  Blocks sent_;
  std::vector<Blocks> received_;  // by round
  std::exception_ptr failure_;    // of this rank, in the current step
};

}  // namespace pairloom
