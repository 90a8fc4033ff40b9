#include "cpu/pool.h"

namespace pairloom {
namespace {

// Stages follow one another within microseconds, so a thread spins for about 20 of them before it sleeps.
constexpr int kSpins = 2000;

void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Returns once `value` is no longer `old`.
void wait_change(const std::atomic<uint32_t>& value, uint32_t old) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (value.load(std::memory_order_acquire) != old) return;
    relax();
  }
  value.wait(old, std::memory_order_acquire);
}

}  // namespace

Pool::Pool(uint32_t threads) {
  for (uint32_t thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
}

Pool::~Pool() {
  stop_ = true;
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void Pool::run(uint32_t jobs, void* context, Call call) {
  if (jobs <= 1 || workers_.empty()) {  // waking a thread costs more than it could save
    for (uint32_t job = 0; job < jobs; ++job) call(context, job, 0);
    return;
  }
  context_ = context;
  call_ = call;
  jobs_ = jobs;
  next_.store(0, std::memory_order_relaxed);
  busy_.store(uint32_t(workers_.size()), std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  claim(0);
  for (uint32_t left; (left = busy_.load(std::memory_order_acquire)) != 0;) wait_change(busy_, left);
}

void Pool::serve(uint32_t thread) {
  for (uint32_t round = 0;;) {
    wait_change(round_, round);
    ++round;  // run() waits for every worker, so a worker never misses a round
    if (stop_) return;
    claim(thread);
    if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) busy_.notify_one();
  }
}

void Pool::claim(uint32_t thread) {
  for (uint32_t job; (job = next_.fetch_add(1, std::memory_order_relaxed)) < jobs_;) call_(context_, job, thread);
}

}  // namespace pairloom
