// Follows memory through a step: what is read was written, ids still hold what `input` checked, and nothing that runs
// in parallel touches the same memory.
#pragma once

#include "program/program.h"
#include "program/signature.h"

namespace pairloom {

// `accesses[i]` are those of instruction i. Throws Error.
void verify_hazards(const Program& program, const std::vector<std::vector<Access>>& accesses);

}  // namespace pairloom
