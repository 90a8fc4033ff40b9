// Where an update of a table, or a measure of its gradient, has its operands and attributes: read from its rule.
#pragma once

#include "program/program.h"

namespace pairloom {

// The rows of a table are dealt into slots, row r into slot `r mod kTableSlots`: what is summed by slot does not depend on
// who owns which rows.
constexpr uint32_t kTableSlots = 1024;

struct TableLayout {
  size_t states, pairs, first_state, first_pair, first_pooling;
  uint32_t stream = 0;  // of the draws that round 16-bit tables
  float l2 = 0;
  bool every_row = false;
  float limit = 0;    // 0: none
  size_t factor = 0;  // its operand; 0: none
};

// The instruction is verified, and its operation's execution is kTable.
TableLayout table_layout(const Instruction& instruction);

}  // namespace pairloom
