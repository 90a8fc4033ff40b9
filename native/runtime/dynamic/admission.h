// Decides which new keys get a row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "runtime/dynamic/spec.h"

namespace pairloom {

class Admission {
 public:
  virtual ~Admission() = default;

  // What happens from here on can be reverted.
  virtual void begin_step() {}
  // An occurrence of a key without a row.
  virtual void count(uint64_t) {}
  // Whether the key gets a row in this step, after all its occurrences were counted.
  virtual bool admits(uint64_t key, uint64_t step) const = 0;
  // The key got a row: if it loses it, it starts as new.
  virtual void forget(uint64_t) {}
  virtual void revert() {}

  // Appends the number of counters, and the counters.
  virtual void save(std::vector<int64_t>& state) const { state.push_back(0); }
  // False, and nothing is changed, if the state is not one of this admission.
  virtual bool restore(std::span<const int64_t> state) { return state.size() == 1 && state[0] == 0; }
};

std::unique_ptr<Admission> make_admission(const DynamicSpec& spec);

}  // namespace pairloom
