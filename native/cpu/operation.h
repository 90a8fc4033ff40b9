// How the CPU runs an operation. Each family in cpu/ops/ has its table rows beside its functions; operations.cc joins
// them.
#pragma once

#include <deque>

#include "cpu/bound.h"

namespace pairloom {

class ExchangeStage;

// Runs an instruction on a tile of rows: unpacks the operands and calls a kernel.
using TileFunction = void(const BoundInstruction&, Tile&);
// Runs one job of an instruction of a fixed stage.
using FixedFunction = void(const BoundInstruction&, const FixedJob&, Worker&);

// The packed layout of the weight that a linear layer's kernel reads.
enum class Packing { kNone, kForward, kBackward };

struct CpuOperation {
  Opcode opcode;
  TileFunction* tile = nullptr;
  // In a stage of entries: what comes before the entries of a tile of rows.
  TileFunction* begin = nullptr;
  FixedFunction* fixed = nullptr;
  // Floats of scratch that a tile of `rows` needs; null: none.
  size_t (*scratch)(const KernelTable&, const BoundInstruction&, uint32_t rows) = nullptr;
  Packing packs = Packing::kNone;
  // Adds what an instruction of an exchange stage exchanges.
  void (*exchange)(const BoundInstruction&, std::deque<RowRoute>&, ExchangeStage&) = nullptr;
};

const CpuOperation& cpu_operation(Opcode opcode);

inline uint32_t width(const View& view) { return uint32_t(view.size); }

// The kernels for the precision in a product's last attribute.
inline const LinearKernels& linear_kernels(const KernelTable& kernels, const BoundInstruction& i) {
  return i.source->attributes.back() == 1 ? kernels.linear_bf16 : kernels.linear_f32;
}

}  // namespace pairloom
