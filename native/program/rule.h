// The rules of an instruction on every device: its stage, operands and attributes. rules.generated.h has one rule per
// opcode, generated from src/ops/.
#pragma once

#include "program/opcodes.generated.h"

namespace pairloom {

// Execution kind of an instruction; see src/graph/op.ts.
enum class Execution { kSource, kRowwise, kReduces, kFixed, kTable, kBatch, kExchange };

// The kind of stage that contains it.
enum class Placement { kTile, kFixed, kEither, kExchange };

// Whether operands may have a line per entry of a sequence; see src/graph/op.ts.
enum class Entries { kNone, kRows, kChunks, kSegments };

struct Rule {
  Opcode opcode;
  const char* name;
  Execution execution;
  Placement placement;
  // Elements depend only on the operands' elements at the same position and on single numbers. A row instruction may
  // write over the view of its first or second operand, a fixed one may be divided anywhere, and a table one by columns.
  bool elementwise;
  Entries entries;
  const char* operands;    // see signature.h
  const char* attributes;  // see signature.h

  constexpr bool reads_whole_batch() const {
    return execution == Execution::kTable || execution == Execution::kBatch || execution == Execution::kExchange;
  }
  constexpr bool writes_in_place() const { return elementwise && placement != Placement::kFixed; }
};

// Null for an unknown opcode.
const Rule* find_rule(Opcode opcode);

}  // namespace pairloom
