// The CPU as a device: what the binding calls.
#pragma once

#include "runtime/executable.h"
#include "runtime/translation.h"

namespace pairloom {

// `parameters` in the order of the program's parameter buffers; they must outlive the executable. `translations` in the
// order of the program's. Throws Error.
std::unique_ptr<Executable> compile_for_cpu(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
                                            std::vector<std::shared_ptr<Translation>> translations);

}  // namespace pairloom
