// The plain twin of the kernels: scalar loops that read like the formulas, summing in double. Fast kernels
// are tested against it.
#pragma once

#include "cpu/kernels/kernels.h"

namespace pairloom::test {

extern const KernelTable plain;

}  // namespace pairloom::test
