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

// How threads divide an instruction on one tile, if it takes long enough: by rows, or by elements of its result, of
// which `tile` computes those of Tile::shared. The bits are the same.
enum class Sharing { kNone, kRows, kResult };

// What an update of a table, or a norm of its gradient, needs of whole rows, where ranks have some columns of them: nothing, if
// it works element by element; the gradient, and with an L2 penalty, which is part of it, the weights; in any case the
// weights; also the states of the same shape.
enum class WholeRow { kNothing, kGradient, kWeights, kStates };

struct CpuOperation {
  Opcode opcode;
  TileFunction* tile = nullptr;
  // In a stage of entries: what comes before the entries of a tile of rows.
  TileFunction* begin = nullptr;
  FixedFunction* fixed = nullptr;
  WholeRow needs = WholeRow::kNothing;
  // Floats of scratch that a tile of `rows` needs; null: none.
  size_t (*scratch)(const KernelTable&, const BoundInstruction&, uint32_t rows) = nullptr;
  Packing packs = Packing::kNone;
  Sharing sharing = Sharing::kNone;
  bool takes_long = false;  // of kRows: so long that it is divided before a thread waits to help
  uint32_t (*shares)(const BoundInstruction&) = nullptr;  // of kResult: into how many parts it divides
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
