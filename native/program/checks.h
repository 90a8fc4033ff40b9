// What an operation asks of its operands beyond what its signature can say.
#pragma once

#include "program/program.h"

namespace pairloom {

// Null, or what was expected. The instruction has matched its operation's rule.
const char* check_operands(const Program& program, const Instruction& instruction);

}  // namespace pairloom
