// Exchanges with other ranks while this one computes: a thread that ends exchange stages in the order in which they
// were begun.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>

#include "cpu/exchange/exchange_stage.h"

namespace pairloom {

class ExchangeLane {
 public:
  explicit ExchangeLane(Communicator& ranks);
  ~ExchangeLane();  // after the stage that is exchanged now
  ExchangeLane(const ExchangeLane&) = delete;
  ExchangeLane& operator=(const ExchangeLane&) = delete;

  // Ends `stage`, which has begun, after those before it. Returns the number of stages so far.
  uint64_t add(ExchangeStage& stage);
  // Waits until so many stages have ended. Throws what a stage threw: then no later one is exchanged. Returns a failure of
  // this rank that the others do not know of yet.
  std::exception_ptr wait_for(uint64_t stages);
  uint64_t added() const { return added_; }
  // Whether a stage is under way: other threads should then give the processor away now and then.
  bool is_exchanging() const { return is_exchanging_.load(std::memory_order_relaxed); }
  // Waits for the thread and forgets all stages: after an error, which other ranks have met at the same stage.
  void clear();

 private:
  void serve();

  Communicator& ranks_;
  Pool pool_{1};  // of the thread: others compute
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<ExchangeStage*> waiting_;
  uint64_t added_ = 0, ended_ = 0;
  bool stop_ = false, busy_ = false;
  std::atomic<bool> is_exchanging_{false}, is_awaited_{false};
  std::exception_ptr failure_, error_;
  std::thread thread_;
};

}  // namespace pairloom
