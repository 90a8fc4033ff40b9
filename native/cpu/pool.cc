#include "cpu/pool.h"

#include "cpu/flush_subnormals.h"
#include "runtime/wait.h"

namespace pairloom {
namespace {

// How long a thread waits awake. Stages follow one another within microseconds, and steps that are asked for one by one
// within some hundreds; to wake a thread can take as long. Where threads share processors, they need them more.
constexpr std::chrono::microseconds kAwake{400}, kAwakeWhenCrowded{20};

// Returns once `value` is no longer `old`.
void wait_change(const std::atomic<uint32_t>& value, uint32_t old, std::chrono::microseconds awake) {
  const bool changed = wait_awake(awake, [&] { return value.load(std::memory_order_acquire) != old; });
  if (!changed) value.wait(old, std::memory_order_acquire);
}

}  // namespace

Pool::Pool(uint32_t threads) : crowded_(threads > std::thread::hardware_concurrency()) {
  for (uint32_t thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
}

std::chrono::microseconds Pool::awake() const { return crowded_ ? kAwakeWhenCrowded : kAwake; }

Pool::~Pool() {
  stop_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::run(uint32_t jobs, void* context, Call call) {
  const FlushSubnormals flush;
  if (jobs <= 1 || workers_.empty()) {  // waking a thread costs more than it could save
    for (uint32_t job = 0; job < jobs; ++job) call(context, job, 0);
    return;
  }
  context_ = context;
  call_ = call;
  run_round(jobs);
}

// Ends when all jobs are done, whether every worker has woken for them or not.
void Pool::run_round(uint32_t jobs) {
  done_.store(0, std::memory_order_relaxed);
  jobs_.store(uint64_t{jobs} << 32, std::memory_order_release);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  claim(0);
  for (uint32_t done; (done = done_.load(std::memory_order_acquire)) != jobs;) wait_change(done_, done, awake());
}

void Pool::serve(uint32_t thread) {
  const FlushSubnormals flush;
  for (uint32_t round = 0;;) {
    wait_change(round_, round, awake());
    round = round_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    claim(thread);
  }
}

void Pool::claim(uint32_t thread) {
  for (;;) {
    const uint64_t claimed = jobs_.fetch_add(1, std::memory_order_acq_rel);
    const uint32_t job = uint32_t(claimed), jobs = uint32_t(claimed >> 32);
    if (job >= jobs) return;
    call_(context_, job, thread);
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == jobs) done_.notify_one();
  }
}

}  // namespace pairloom
