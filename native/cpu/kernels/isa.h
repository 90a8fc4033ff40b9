// The kernel tables in this build, one per instruction set that native/cpu/kernels/CMakeLists.txt compiles.
#pragma once

#include "cpu/kernels/kernels.h"

namespace pairloom {
namespace baseline {
extern const KernelTable table;
}
namespace avx2 {
extern const KernelTable table;
}
namespace avx512 {
extern const KernelTable table;
}
namespace avx512bf16 {
extern const KernelTable table;
}
namespace neon {
extern const KernelTable table;
}
}  // namespace pairloom
