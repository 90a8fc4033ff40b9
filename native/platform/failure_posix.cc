#include <cerrno>
#include <cstring>

#include "platform/failure.h"

namespace pairloom {

Failure last_failure() {
  const int error = errno;
  const bool full = error == ENOSPC || error == EDQUOT || error == EFBIG;
  const auto kind = full ? Failure::Kind::kFull : error == EINVAL ? Failure::Kind::kInvalid : Failure::Kind::kOther;
  return {kind, std::strerror(error)};
}

}  // namespace pairloom
