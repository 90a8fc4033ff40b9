// A few persistent threads that claim jobs from one counter.
#pragma once

#include <atomic>
#include <cstdint>
#include <thread>
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
  // `thread` is below threads(). `work` must not throw. One call at a time.
  template <class Work>
  void run(uint32_t jobs, Work&& work) {
    run(jobs, &work, [](void* context, uint32_t job, uint32_t thread) {
      (*static_cast<std::remove_reference_t<Work>*>(context))(job, thread);
    });
  }

 private:
  using Call = void (*)(void* context, uint32_t job, uint32_t thread);

  void run(uint32_t jobs, void* context, Call call);
  void serve(uint32_t thread);
  void claim(uint32_t thread);

  // Written by run() before it bumps `round_`, read by workers after they see the bump.
  void* context_ = nullptr;
  Call call_ = nullptr;
  uint32_t jobs_ = 0;

  alignas(64) std::atomic<uint32_t> round_{0};
  alignas(64) std::atomic<uint32_t> next_{0};
  alignas(64) std::atomic<uint32_t> busy_{0};
  bool stop_ = false;
  std::vector<std::thread> workers_;
};

}  // namespace pairloom
