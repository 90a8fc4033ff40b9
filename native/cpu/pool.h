// A few persistent threads that claim jobs from one counter, and help each other with the last ones.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace pairloom {

// Calls that threads claim from one counter, in order.
class Jobs {
 public:
  using Call = void (*)(void* context, uint32_t job, uint32_t thread);

  // Opens `count` jobs for claims, once the last ones are done.
  void open(uint32_t count, void* context, Call call);
  // Whether a job can be claimed.
  bool any_left() const;
  // Claims jobs and runs them until none is left.
  void work(uint32_t thread);
  bool are_done() const { return done_.load(std::memory_order_acquire) == count_.load(std::memory_order_relaxed); }
  // Sleeps until another job is done, if they are not all done.
  void sleep() const;

 private:
  // Written before a round is opened. A thread reads them only after it has claimed a job, and the next jobs are not
  // opened before this one is done.
  void* context_ = nullptr;
  Call call_ = nullptr;
  std::atomic<uint32_t> count_{0};

  // The number of jobs, and below it the next one: a claim takes both at once, so that a thread that comes late finds
  // the current jobs, or nothing to do.
  alignas(64) std::atomic<uint64_t> claims_{0};
  alignas(64) std::atomic<uint32_t> done_{0};
};

// `threads` counts the calling thread, which works too: a pool of 1 starts no thread.
class Pool {
 public:
  explicit Pool(uint32_t threads);
  ~Pool();
  Pool(const Pool&) = delete;
  Pool& operator=(const Pool&) = delete;

  uint32_t threads() const { return uint32_t(workers_.size()) + 1; }

  // Calls work(job, thread) once for every job in [0, jobs) and returns when all are done. Jobs are claimed in order;
  // `thread` is below threads(). `work` must not throw. One call at a time. Subnormal numbers are zeros in `work`.
  template <class Work>
  void run(uint32_t jobs, Work&& work) {
    run(jobs, &work, [](void* context, uint32_t job, uint32_t thread) {
      (*static_cast<std::remove_reference_t<Work>*>(context))(job, thread);
    });
  }

  // Whether the last jobs of run() are running, so that threads will soon have nothing to do.
  bool is_ending() const { return !jobs_.any_left() && !jobs_.are_done(); }
  // Threads that have nothing to do but to help.
  uint32_t helpers() const { return helpers_.load(std::memory_order_relaxed); }

  // In a job that runs on `thread`: calls work(part, thread) once for every part in [0, parts), here and on threads
  // that have no job, and returns when all are done. `work` must not share.
  template <class Work>
  void share(uint32_t parts, uint32_t thread, Work&& work) {
    share(parts, thread, &work, [](void* context, uint32_t part, uint32_t helper) {
      (*static_cast<std::remove_reference_t<Work>*>(context))(part, helper);
    });
  }

 private:
  void run(uint32_t jobs, void* context, Jobs::Call call);
  void share(uint32_t parts, uint32_t thread, void* context, Jobs::Call call);
  void serve(uint32_t thread);
  bool help(uint32_t thread);
  template <class Over>
  void wait_for(const Over& over) const;
  template <class Over>
  void help_until(uint32_t thread, const Over& over);

  Jobs jobs_;
  std::vector<Jobs> shared_;  // by thread: the parts of its job that others may take
  alignas(64) std::atomic<uint32_t> helpers_{0};
  // The last call of run() that has begun, and the last that has ended. Apart from what each job writes, since all
  // threads that wait look at them.
  alignas(64) std::atomic<uint32_t> round_{0};
  std::atomic<uint32_t> ended_{0};
  std::atomic<bool> stop_{false};
  const bool crowded_;  // more threads than processors
  std::vector<std::thread> workers_;
};

}  // namespace pairloom
