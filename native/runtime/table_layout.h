// Where an update of a table has its operands and attributes.
#pragma once

#include "program/program.h"

namespace pairloom {

// The attributes stream, l2, everyRow, limit, hasFactor and the poolings end those of every update of a table; state
// follows the learning rate, and its factor (where there is one) and its pairs end its operands. tableSumSquares has of
// these but limit, pairs and poolings.
struct TableLayout {
  size_t states, pairs, first_pair, first_pooling;
  uint32_t stream;  // of the draws that round 16-bit tables
  float l2;
  bool every_row;
  float limit;    // 0: none
  size_t factor;  // its operand; 0: none
};
TableLayout table_layout(const Instruction& instruction);

}  // namespace pairloom
