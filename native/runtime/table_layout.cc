#include "runtime/table_layout.h"

namespace pairloom {
namespace {

// State tensors after the learning rate, and attributes before those that all updates have.
struct TableShape {
  size_t states, settings;
};
TableShape table_shape(Opcode opcode) {
  switch (opcode) {
    case Opcode::kTableSgd: return {0, 0};
    case Opcode::kTableAdam: return {2, 3};
    case Opcode::kTableRmsprop: return {1, 2};
    case Opcode::kTableAdadelta: return {2, 2};
    case Opcode::kTableLamb: return {2, 4};
    case Opcode::kTablePartialRowWiseAdam: return {2, 3};
    case Opcode::kTablePartialRowWiseLamb: return {2, 4};
    case Opcode::kTableLarsSgd: return {1, 3};
    default: return {1, 1};  // the two Adagrads
  }
}

}  // namespace

TableLayout table_layout(const Instruction& instruction) {
  const auto& attributes = instruction.attributes;
  if (instruction.opcode == Opcode::kTableSumSquares) {
    return {.states = 0,
            .pairs = (instruction.operands.size() - 2) / 2,
            .first_pair = 1,
            .first_pooling = 1,
            .stream = 0,
            .l2 = 0,
            .every_row = false,
            .limit = float(attributes[0]),
            .factor = 0};
  }
  const TableShape shape = table_shape(instruction.opcode);
  const size_t first_pooling = shape.settings + 5;
  const bool scaled = attributes[first_pooling - 1] == 1;
  const size_t first_pair = 2 + shape.states + scaled;
  return {.states = shape.states,
          .pairs = (instruction.operands.size() - first_pair) / 2,
          .first_pair = first_pair,
          .first_pooling = first_pooling,
          .stream = uint32_t(attributes[first_pooling - 5]),
          .l2 = float(attributes[first_pooling - 4]),
          .every_row = attributes[first_pooling - 3] == 1,
          .limit = float(attributes[first_pooling - 2]),
          .factor = scaled ? first_pair - 1 : 0};
}

}  // namespace pairloom
