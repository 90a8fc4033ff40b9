// A program on a device, as seen by the binding. Each device implements it and has its own factory.
#pragma once

#include <atomic>
#include <memory>

#include "runtime/request.h"

namespace pairloom {

class Executable {
 public:
  virtual ~Executable() = default;

  // Runs ceil(count / batch) steps, or fewer if cancelled, and returns the number of steps. Row outputs are in the
  // order of positions; fixed outputs have one entry per step. Throws Error for an invalid request before the first
  // step, and for an invalid id, or one that gets no row, at its step; parameters and translations are then as after
  // the previous step. Only one run at a time.
  virtual uint64_t run(Request request) = 0;
  virtual const Program& program() const = 0;
  // Whether a run needs other ranks, which must run the same steps at the same time.
  virtual bool waits_for_ranks() const { return false; }
  virtual void enable_profile(bool on) = 0;
  // Nanoseconds over all threads per instruction; the last entry is for packing weights (wall time).
  virtual std::vector<uint64_t> profile() const = 0;

  // Stops the current run after its current step.
  void cancel() { cancelled_.store(true, std::memory_order_relaxed); }

  // Marks the executable as in use; false if it already is. `release` ends this.
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
