#include "cpu/pool.h"

#include "cpu/flush_subnormals.h"
#include "runtime/wait.h"

namespace pairloom {
namespace {

// How long a thread waits awake. Stages follow one another within microseconds, and steps that are asked for one by one
// within some hundreds; to wake a thread can take as long. Where threads share processors, they need them more.
// While others have jobs, it can be some milliseconds until they share one; whoever waits for this lets other processes
// run.
constexpr std::chrono::microseconds kAwake{400}, kAwakeInRound{5000}, kAwakeWhenCrowded{20};

// Returns once `value` is no longer `old`.
void wait_change(const std::atomic<uint32_t>& value, uint32_t old, std::chrono::microseconds awake) {
  const bool changed = wait_awake(awake, [&] { return value.load(std::memory_order_acquire) != old; });
  if (!changed) value.wait(old, std::memory_order_acquire);
}

}  // namespace

void Jobs::open(uint32_t count, void* context, Call call) {
  context_ = context;
  call_ = call;
  count_.store(count, std::memory_order_relaxed);
  done_.store(0, std::memory_order_relaxed);
  claims_.store(uint64_t{count} << 32, std::memory_order_release);
}

bool Jobs::any_left() const {
  const uint64_t claims = claims_.load(std::memory_order_relaxed);
  return uint32_t(claims) < claims >> 32;
}

void Jobs::work(uint32_t thread) {
  for (;;) {
    const uint64_t claimed = claims_.fetch_add(1, std::memory_order_acq_rel);
    const uint32_t job = uint32_t(claimed), count = uint32_t(claimed >> 32);
    if (job >= count) return;
    call_(context_, job, thread);
    if (done_.fetch_add(1, std::memory_order_acq_rel) + 1 == count) done_.notify_one();
  }
}

void Jobs::sleep() const {
  const uint32_t done = done_.load(std::memory_order_acquire);
  if (done != count_.load(std::memory_order_relaxed)) done_.wait(done, std::memory_order_acquire);
}

Pool::Pool(uint32_t threads) : shared_(threads), crowded_(threads > std::thread::hardware_concurrency()) {
  for (uint32_t thread = 1; thread < threads; ++thread) workers_.emplace_back([this, thread] { serve(thread); });
}

Pool::~Pool() {
  stop_.store(true, std::memory_order_relaxed);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

// Takes parts of the jobs of others, if there are any.
bool Pool::help(uint32_t thread) {
  bool helped = false;
  for (Jobs& shared : shared_) {
    if (!shared.any_left()) continue;
    shared.work(thread);
    helped = true;
  }
  return helped;
}

// Waits while other threads have jobs, until over(). Gives up after some milliseconds.
template <class Over>
void Pool::wait_for(const Over& over) const {
  if (wait_awake(crowded_ ? kAwakeWhenCrowded : kAwake, over) || crowded_) return;
  wait_yielding(kAwakeInRound, over);
}

// Until over(), or until nobody has needed help for a while.
template <class Over>
void Pool::help_until(uint32_t thread, const Over& over) {
  helpers_.fetch_add(1, std::memory_order_relaxed);
  for (bool helped = true; helped && !over();) {
    helped = false;
    wait_for([&] { return over() || (helped = help(thread)); });
  }
  helpers_.fetch_sub(1, std::memory_order_relaxed);
}

// Ends when all jobs are done, whether every worker has woken for them or not.
void Pool::run(uint32_t jobs, void* context, Jobs::Call call) {
  const FlushSubnormals flush;
  if (jobs <= 1 || workers_.empty()) {  // waking a thread costs more than it could save
    for (uint32_t job = 0; job < jobs; ++job) call(context, job, 0);
    return;
  }
  jobs_.open(jobs, context, call);
  round_.fetch_add(1, std::memory_order_release);
  round_.notify_all();
  jobs_.work(0);
  help_until(0, [&] { return jobs_.are_done(); });
  while (!jobs_.are_done()) jobs_.sleep();
  ended_.store(round_.load(std::memory_order_relaxed), std::memory_order_relaxed);
}

void Pool::serve(uint32_t thread) {
  const FlushSubnormals flush;
  for (uint32_t round = 0;;) {
    wait_change(round_, round, crowded_ ? kAwakeWhenCrowded : kAwake);
    round = round_.load(std::memory_order_acquire);
    if (stop_.load(std::memory_order_relaxed)) return;
    jobs_.work(thread);
    help_until(thread, [&] {
      return ended_.load(std::memory_order_relaxed) == round || round_.load(std::memory_order_relaxed) != round;
    });
  }
}

void Pool::share(uint32_t parts, uint32_t thread, void* context, Jobs::Call call) {
  if (parts == 1) return call(context, 0, thread);  // or another thread takes it, and this one only waits
  Jobs& mine = shared_[thread];
  mine.open(parts, context, call);
  mine.work(thread);
  wait_for([&] { return mine.are_done(); });
  while (!mine.are_done()) mine.sleep();
}

}  // namespace pairloom
