#include "cpu/exchange/exchange_lane.h"

#include "platform/thread.h"

namespace pairloom {

ExchangeLane::ExchangeLane(Communicator& ranks) : ranks_(ranks), thread_([this] { serve(); }) {}

ExchangeLane::~ExchangeLane() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

uint64_t ExchangeLane::add(ExchangeStage& stage) {
  {
    const std::lock_guard lock(mutex_);
    waiting_.push_back(&stage);
    ++added_;
    is_exchanging_.store(true, std::memory_order_relaxed);
  }
  changed_.notify_all();
  return added_;
}

std::exception_ptr ExchangeLane::wait_for(uint64_t stages) {
  std::unique_lock lock(mutex_);
  const auto is_over = [&] { return error_ || ended_ >= stages; };
  is_awaited_.store(!is_over(), std::memory_order_relaxed);
  changed_.wait(lock, is_over);
  is_awaited_.store(false, std::memory_order_relaxed);
  if (error_) std::rethrow_exception(error_);
  return failure_;
}

void ExchangeLane::clear() {
  std::unique_lock lock(mutex_);
  waiting_.clear();
  changed_.wait(lock, [&] { return !busy_; });
  error_ = failure_ = nullptr;
  ended_ = added_;
  is_exchanging_.store(false, std::memory_order_relaxed);
}

void ExchangeLane::serve() {
  wake_this_thread_soon();
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [&] { return stop_ || (!waiting_.empty() && !error_); });
    if (stop_) return;
    ExchangeStage& stage = *waiting_.front();
    waiting_.pop_front();
    busy_ = true;
    const std::exception_ptr failed = failure_;
    lock.unlock();
    std::exception_ptr failure, error;
    try {
      failure = stage.end(ranks_, pool_, failed, Waiting::awake_while(is_awaited_));
    } catch (...) {
      error = std::current_exception();
    }
    lock.lock();
    busy_ = false;
    failure_ = failure;
    error_ = error;
    ++ended_;
    if (waiting_.empty()) is_exchanging_.store(false, std::memory_order_relaxed);
    changed_.notify_all();
  }
}

}  // namespace pairloom
