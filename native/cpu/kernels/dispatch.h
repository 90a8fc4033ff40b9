// Selects the kernels: the fastest instruction set that this machine supports, unless another is selected.
#pragma once

#include <vector>

#include "cpu/kernels/kernels.h"

namespace pairloom {

// The selected table. Selecting another while a program runs is a race: select first, then compile and run.
const KernelTable& kernels();

// Selects an instruction set by name. Returns false, without a change, if this build or CPU lacks it.
bool select_isa(const char* name);

// The names that select_isa accepts here, fastest first.
std::vector<const char*> available_isas();

}  // namespace pairloom
