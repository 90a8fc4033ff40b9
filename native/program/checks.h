// Requirements of an operation on its operands that a signature cannot express.
#pragma once

#include "program/program.h"

namespace pairloom {

// Null, or the expected value as text. The instruction already matches its operation's rule.
const char* check_operands(const Program& program, const Instruction& instruction);

}  // namespace pairloom
