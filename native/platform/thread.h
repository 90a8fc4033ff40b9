// The current thread, as the system runs it.
#pragma once

namespace pairloom {

// Asks the system to let this thread go on soon after it wakes, for a short time, though others compute on all processors.
// Where the system does not know of such threads, nothing changes.
void wake_this_thread_soon();

}  // namespace pairloom
