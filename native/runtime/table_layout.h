// The positions of operands and attributes in an update of a table or a norm of its gradient, read from its rule.
#pragma once

#include "program/program.h"

namespace pairloom {

struct TableLayout {
  size_t states, pairs, first_state, first_pair, first_pooling;
  uint32_t stream = 0;  // of the draws that round 16-bit tables
  float l2 = 0;
  bool every_row = false;
  float limit = 0;    // 0: none
  size_t factor = 0;  // operand index; 0: none
};

// The instruction must be verified, and its operation's execution must be kTable.
TableLayout table_layout(const Instruction& instruction);

}  // namespace pairloom
