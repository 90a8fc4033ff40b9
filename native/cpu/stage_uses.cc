#include "cpu/stage_uses.h"

#include <algorithm>

#include "program/ranges.h"

namespace pairloom {
namespace {

bool has_route(Opcode opcode) {
  switch (opcode) {
    case Opcode::kUniqueRows:
    case Opcode::kFetchRows:
    case Opcode::kTellRows:
    case Opcode::kReturnRows:
    case Opcode::kFoldRows:
    case Opcode::kGatherSlots: return true;
    default: return false;
  }
}

}  // namespace

StageUses::StageUses(const Program& program, std::span<const Stage> stages) : program_(program) {
  for (const Stage& stage : stages) {
    for (uint32_t i = stage.first; i < stage.first + stage.count; ++i) {
      const Instruction& instruction = program.instructions[i];
      const std::vector<MemoryUse> uses = memory_uses(program, instruction);
      for (size_t operand = 0; operand < uses.size(); ++operand) {
        (uses[operand].access.written ? written_ : read_).push_back(&instruction.operands[operand]);
      }
      if (has_route(instruction.opcode)) routes_.insert(uint32_t(instruction.attributes[kRoute]));
    }
  }
}

bool StageUses::conflicts(const StageUses& other) const {
  const auto meet = [&](const std::vector<const Operand*>& some, const std::vector<const Operand*>& others) {
    return std::any_of(some.begin(), some.end(), [&](const Operand* one) {
      return std::any_of(others.begin(), others.end(),
                         [&](const Operand* another) { return share_memory(program_, *one, *another); });
    });
  };
  const bool share_route = std::any_of(routes_.begin(), routes_.end(), [&](uint32_t r) { return other.routes_.contains(r); });
  // What is most likely comes first: later stages read what this one writes.
  return share_route || meet(written_, other.read_) || meet(read_, other.written_) || meet(written_, other.written_);
}

}  // namespace pairloom
