// Waiting awake: to wake a thread that sleeps takes longer than most waits within a step.
#pragma once

#include <chrono>
#include <thread>

namespace pairloom {

inline void relax() {
#if defined(__x86_64__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Looks until done() or the time is over. Returns whether it is done.
template <class Done>
bool wait_awake(std::chrono::steady_clock::duration time, const Done& done) {
  constexpr int kSpins = 64;  // between looks at the clock
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    for (int spin = 0; spin < kSpins; ++spin) {
      if (done()) return true;
      relax();
    }
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

// The same, but others that could run get the processor between two looks.
template <class Done>
bool wait_yielding(std::chrono::steady_clock::duration time, const Done& done) {
  const auto end = std::chrono::steady_clock::now() + time;
  do {
    std::this_thread::yield();
    if (done()) return true;
  } while (std::chrono::steady_clock::now() < end);
  return false;
}

}  // namespace pairloom
