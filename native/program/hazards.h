// Tracks memory through a step: everything read was written, ids are those that `input` checked, and nothing that runs
// in parallel accesses the same memory.
#pragma once

#include "program/program.h"
#include "program/signature.h"

namespace pairloom {

// `accesses[i]` belong to instruction i. Throws Error.
void verify_hazards(const Program& program, const std::vector<std::vector<Access>>& accesses);

}  // namespace pairloom
