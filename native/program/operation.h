// What an opcode is: where it may stand, what its operands and attributes must be, and the function that runs it.
// The table of all operations is cpu/operations.cc, one row each.
#pragma once

#include "program/program.h"

namespace pairloom {

struct BoundInstruction;
struct KernelTable;
struct Tile;
struct FixedJob;
struct Worker;

enum class Placement { kTile, kFixed, kEither };

// How the work of a fixed instruction is cut into jobs.
enum class Split {
  kNone,      // tile instructions
  kWhole,     // one job
  kElements,  // ranges of the elements of operand 0
  kPairs,     // ranges of the elements of each of the first half of the operands
  kTable,     // partitions of the table's rows
  kTableParts,  // partitions of the table's rows that unite those of the format
  kBatch,       // one job, over the rows of the whole batch
};

struct Operation {
  Opcode opcode;
  Placement placement;
  bool in_place;           // an output may be the very view of the first or second operand
  const char* operands;    // see signature.h
  const char* attributes;  // see signature.h
  Split split;
  void (*tile)(const BoundInstruction&, Tile&);
  void (*fixed)(const BoundInstruction&, const FixedJob&, Worker&);
  // What the signature cannot say; returns null or what was expected.
  const char* (*check)(const Program&, const Instruction&);
  // Floats of scratch that the instruction needs for a tile of so many rows; null: none.
  size_t (*scratch)(const KernelTable&, const BoundInstruction&, uint32_t rows) = nullptr;
};

// Null for an unknown opcode.
const Operation* find_operation(Opcode opcode);

}  // namespace pairloom
