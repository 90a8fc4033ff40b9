// A program on a device, as the binding sees it. Each device implements it and has a factory of its own.
#pragma once

#include <atomic>
#include <memory>

#include "runtime/request.h"

namespace pairloom {

class Executable {
 public:
  virtual ~Executable() = default;

  // Runs ceil(count / batch) steps, or fewer if cancelled, and returns how many. Row outputs are in the order of
  // positions, fixed outputs have one entry a step. Throws Error: a bad request before the first step; a bad id,
  // or one that gets no row, at its step, with parameters and translations as the step before left them. One run at a
  // time.
  virtual uint64_t run(Request request) = 0;
  virtual const Program& program() const = 0;
  virtual void enable_profile(bool on) = 0;
  // Nanoseconds of all threads by instruction, and as a last entry those of packing weights (wall time).
  virtual std::vector<uint64_t> profile() const = 0;

  // Ends the run in flight after the step it is in.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Marks the executable as in use; false if it is. `release` ends it.
  bool acquire() {
    if (running_.exchange(true, std::memory_order_acquire)) return false;
    cancelled_.store(false, std::memory_order_relaxed);
    return true;
  }
  void release() { running_.store(false, std::memory_order_release); }

 protected:
  bool cancelled() const { return cancelled_.load(std::memory_order_relaxed); }

 private:
  std::atomic<bool> cancelled_{false}, running_{false};
};

}  // namespace pairloom
