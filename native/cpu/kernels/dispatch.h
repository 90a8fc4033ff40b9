// Which kernels run: the fastest instruction set that this machine offers, unless another is selected.
#pragma once

#include <vector>

#include "cpu/kernels/kernels.h"

namespace pairloom {

// The selected table. Selecting another while a program runs is a race: select first, then compile and run.
const KernelTable& kernels();

// Selects an instruction set by name; false, and no change, where this build or this CPU lacks it.
bool select_isa(const char* name);

// The names that select_isa accepts here, the fastest first.
std::vector<const char*> available_isas();

}  // namespace pairloom
