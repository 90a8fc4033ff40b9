#include "cpu/tiers/io_threads.h"

#include <algorithm>
#include <atomic>

namespace pairloom {

IoThreads::IoThreads(uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) threads_.emplace_back([this] { serve(); });
}

IoThreads::~IoThreads() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
  }
  posted_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

void IoThreads::post(std::function<void()> work) {
  {
    const std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
  }
  posted_.notify_one();
}

void IoThreads::serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    posted_.wait(lock, [&] { return stop_ || !work_.empty(); });
    if (work_.empty()) return;
    const std::function<void()> work = std::move(work_.front());
    work_.pop_front();
    lock.unlock();
    work();
    lock.lock();
  }
}

struct IoBatch::State {
  const size_t items, at_once;
  const Work work;
  std::atomic<size_t> next{0};
  std::mutex mutex{};
  std::condition_variable finished{};
  size_t done = 0;
  std::exception_ptr failure = nullptr;

  void run() {
    for (size_t first = next.fetch_add(at_once); first < items; first = next.fetch_add(at_once)) {
      const size_t end = std::min(first + at_once, items);
      std::exception_ptr failed;
      try {
        for (size_t item = first; item < end; ++item) work(item);
      } catch (...) {
        failed = std::current_exception();
      }
      const std::lock_guard lock(mutex);
      if (!failure) failure = failed;
      done += end - first;
      if (done == items) finished.notify_all();
    }
  }
};

IoBatch::IoBatch(IoThreads& threads, size_t items, Work work, size_t at_once)
    : state_(new State{items, at_once, std::move(work)}) {
  const size_t takes = (items + at_once - 1) / at_once;
  for (size_t i = 0; i < std::min<size_t>(takes, threads.count()); ++i) {
    threads.post([state = state_] { state->run(); });
  }
}

std::exception_ptr IoBatch::wait() {
  std::unique_lock lock(state_->mutex);
  state_->finished.wait(lock, [&] { return state_->done == state_->items; });
  return state_->failure;
}

}  // namespace pairloom
