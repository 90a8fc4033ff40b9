#include "platform/thread.h"

#include <cstdint>

#if defined(__linux__)
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>
#endif

namespace pairloom {

// Linux 6.12 and later let a waking thread with a shorter slice than the running one run first; threads that do not wake
// often would wait for the end of a slice of some milliseconds.
void wake_this_thread_soon() {
#if defined(__linux__) && defined(SYS_sched_setattr)
  struct Attributes {  // struct sched_attr, which the C library does not have
    uint32_t size = sizeof(Attributes), policy = 0;
    uint64_t flags = 0;
    int32_t nice = getpriority(PRIO_PROCESS, 0);  // of this thread
    uint32_t priority = 0;
    uint64_t slice_ns = 100'000, deadline = 0, period = 0;
  } attributes;
  syscall(SYS_sched_setattr, 0, &attributes, 0u);
#endif
}

}  // namespace pairloom
