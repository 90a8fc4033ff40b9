// A few persistent threads that claim jobs from one counter.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <thread>
#include <type_traits>
#include <vector>

namespace pairloom {

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

 private:
  using Call = void (*)(void* context, uint32_t job, uint32_t thread);

  void run(uint32_t jobs, void* context, Call call);
  void run_round(uint32_t jobs);
  void serve(uint32_t thread);
  void claim(uint32_t thread);
  std::chrono::microseconds awake() const;

  // Written by run() before it opens a round. A worker reads them only after it has claimed a job, and a round does not
  // end before its jobs are done.
  void* context_ = nullptr;
  Call call_ = nullptr;

  // The number of jobs of the round, and below it the next one: a claim takes both at once, so that a worker that wakes
  // late finds the current round, or nothing to do.
  alignas(64) std::atomic<uint64_t> jobs_{0};
  alignas(64) std::atomic<uint32_t> done_{0};
  alignas(64) std::atomic<uint32_t> round_{0};
  std::atomic<bool> stop_{false};
  const bool crowded_;  // more threads than processors
  std::vector<std::thread> workers_;
};

}  // namespace pairloom
