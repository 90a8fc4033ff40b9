// Cuts the instructions of a fixed stage into jobs.
#pragma once

#include <vector>

#include "cpu/bound.h"

namespace pairloom {

// Jobs that any threads may run in any order: how an instruction is cut changes no bits of its result.
std::vector<FixedJob> plan_fixed_jobs(const std::vector<BoundInstruction>& instructions, const Stage& stage,
                                      uint32_t threads);

}  // namespace pairloom
