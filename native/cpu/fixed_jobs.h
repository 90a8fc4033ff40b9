// Divides the instructions of a fixed stage into jobs.
#pragma once

#include <vector>

#include "cpu/bound.h"

namespace pairloom {

// Jobs that can run on any thread in any order: the division does not change the bits of results.
std::vector<FixedJob> plan_fixed_jobs(const std::vector<BoundInstruction>& instructions, const Stage& stage,
                                      uint32_t threads);

}  // namespace pairloom
