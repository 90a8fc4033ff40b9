// The CPU device, as called by the binding.
#pragma once

#include "distributed/communicator.h"
#include "runtime/executable.h"
#include "runtime/translation.h"

namespace pairloom {

// `parameters` are in the order of the program's parameter buffers and must outlive the executable; `translations` are
// in program order. `ranks`: of a program with exchange stages, else null. Throws Error.
std::unique_ptr<Executable> compile_for_cpu(Program program, std::vector<ParameterMemory> parameters, uint32_t threads,
                                            std::vector<std::shared_ptr<Translation>> translations,
                                            std::shared_ptr<Communicator> ranks = nullptr);

}  // namespace pairloom
