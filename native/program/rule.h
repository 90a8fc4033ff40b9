// What holds for an instruction on every device: the stage it stands in, its operands and its attributes.
// rules.generated.h has one rule for each opcode, written from src/ops/.
#pragma once

#include "program/opcodes.generated.h"

namespace pairloom {

// How an instruction meets the batch; src/graph/op.ts explains each.
enum class Execution { kSource, kRowwise, kReduces, kFixed, kTable, kBatch };

// The kind of stage that it stands in.
enum class Placement { kTile, kFixed, kEither };

struct Rule {
  Opcode opcode;
  const char* name;
  Execution execution;
  Placement placement;
  // Elements depend on the operands' elements at the same place and on single numbers: a row instruction may write over
  // the very view of its first or second operand, a fixed one may be cut anywhere.
  bool elementwise;
  const char* operands;    // see signature.h
  const char* attributes;  // see signature.h

  constexpr bool reads_whole_batch() const { return execution == Execution::kTable || execution == Execution::kBatch; }
  constexpr bool writes_in_place() const { return elementwise && placement != Placement::kFixed; }
};

// Null for an unknown opcode.
const Rule* find_rule(Opcode opcode);

}  // namespace pairloom
