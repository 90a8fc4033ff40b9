// The memory of operands, on any device.
#pragma once

#include <vector>

#include "program/program.h"
#include "program/signature.h"

namespace pairloom {

struct Range {
  uint64_t begin, end;
  bool overlaps(const Range& other) const { return begin < other.end && other.begin < end; }
  bool operator==(const Range&) const = default;
};

// Rows that a buffer has room for; 1 if its space has none, or as many entries as there are.
uint64_t buffer_rows(const Program& program, const Buffer& buffer);
// Elements of a buffer in its arena (one group's arena for partials). Does not overflow for a verified buffer.
uint64_t buffer_extent(const Program& program, const Buffer& buffer);
// The buffer's elements in its arena.
Range memory_of(const Program& program, const Buffer& buffer);
// The operand's elements within each row of its buffer (row spaces), or within the buffer.
inline Range view_of(const Operand& operand) { return {operand.offset, operand.offset + operand.size()}; }

// True if both buffers are in one arena.
inline bool same_arena(const Buffer& a, const Buffer& b) {
  return a.space == b.space && (!is_of_entries(a.space) || a.name == b.name);
}
// True if rows of the one buffer are, element by element, rows of the other.
inline bool same_rows(const Buffer& a, const Buffer& b) { return a.offset == b.offset && a.width == b.width; }
// True if the operands are the same elements.
bool same_elements(const Program& program, const Operand& a, const Operand& b);
// True if an element of one may be an element of the other.
bool share_memory(const Program& program, const Operand& a, const Operand& b);

// What an instruction reads and writes: one entry per operand.
struct MemoryUse {
  const Buffer* buffer;
  Range elements;  // as view_of
  Access access;
};
std::vector<MemoryUse> memory_uses(const Program& program, const Instruction& instruction);

}  // namespace pairloom
