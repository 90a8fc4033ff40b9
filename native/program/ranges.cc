#include "program/ranges.h"

namespace pairloom {
namespace {

bool same_memory(const Program& program, const Operand& a, const Operand& b) {
  if (a.buffer == b.buffer) return true;
  const Buffer &x = program.buffer(a), &y = program.buffer(b);
  return !is_alone(x.space) && same_arena(x, y) && same_rows(x, y);
}

}  // namespace

uint64_t buffer_rows(const Program& program, const Buffer& buffer) {
  if (buffer.space == Space::kTile) return uint64_t{program.tile_rows} * program.tiles_at_once;
  return buffer.space == Space::kBatch ? program.max_batch : 1;
}

uint64_t buffer_extent(const Program& program, const Buffer& buffer) {
  return buffer_rows(program, buffer) * buffer.width;
}

Range memory_of(const Program& program, const Buffer& buffer) {
  return {buffer.offset, buffer.offset + buffer_extent(program, buffer)};
}

bool same_elements(const Program& program, const Operand& a, const Operand& b) {
  return same_memory(program, a, b) && view_of(a) == view_of(b);
}

bool share_memory(const Program& program, const Operand& a, const Operand& b) {
  const Buffer &x = program.buffer(a), &y = program.buffer(b);
  if (!same_arena(x, y)) return false;
  if (same_memory(program, a, b)) return view_of(a).overlaps(view_of(b));
  if (is_alone(x.space)) return false;
  if (is_row(x.space)) return memory_of(program, x).overlaps(memory_of(program, y));
  const Range left{x.offset + view_of(a).begin, x.offset + view_of(a).end};
  const Range right{y.offset + view_of(b).begin, y.offset + view_of(b).end};
  return left.overlaps(right);
}

std::vector<MemoryUse> memory_uses(const Program& program, const Instruction& instruction) {
  const Rule& rule = *find_rule(instruction.opcode);
  const std::vector<Access> accesses = match_operands(program, instruction, rule, rule.name);
  std::vector<MemoryUse> uses;
  for (size_t i = 0; i < accesses.size(); ++i) {
    const Operand& operand = instruction.operands[i];
    uses.push_back({&program.buffer(operand), view_of(operand), accesses[i]});
  }
  return uses;
}

}  // namespace pairloom
