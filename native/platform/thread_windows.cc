#include "platform/thread.h"

namespace pairloom {

void wake_this_thread_soon() {}

}  // namespace pairloom
