// Threads that wait for a disk. Many requests at once keep it busy.
#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <functional>
#include <memory>
#include <mutex>
#include <thread>
#include <vector>

namespace pairloom {

class IoThreads {
 public:
  explicit IoThreads(uint32_t count);
  // Finishes what was posted.
  ~IoThreads();
  IoThreads(const IoThreads&) = delete;
  IoThreads& operator=(const IoThreads&) = delete;

  uint32_t count() const { return uint32_t(threads_.size()); }
  void post(std::function<void()> work);

 private:
  void serve();

  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> work_;
  bool stop_ = false;
  std::vector<std::thread> threads_;
};

// Items that the threads take from one counter, some at once.
class IoBatch {
 public:
  using Work = std::function<void(size_t item)>;

  // Begins work(item) for each item below `items`. If one fails, the others that were taken with it may be left out.
  IoBatch(IoThreads& threads, size_t items, Work work, size_t at_once = 1);
  // Waits until all items are done. Returns the first failure, if there is one.
  std::exception_ptr wait();

 private:
  struct State;

  std::shared_ptr<State> state_;
};

}  // namespace pairloom
