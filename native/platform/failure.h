// Why the system refused a call.
#pragma once

#include <string>

namespace pairloom {

struct Failure {
  enum class Kind { kOther, kFull, kInvalid };  // no room on a disk; a wrong size or alignment
  Kind kind;
  std::string reason;  // in the words of the system
};

// Of the last call of this thread that the system refused.
Failure last_failure();

}  // namespace pairloom
