// Follows memory through a step: what is read was written, ids still hold what `input` checked, and nothing that runs
// in parallel touches the same memory.
#pragma once

#include "program/program.h"
#include "program/signature.h"

namespace pairloom {

// Elements that a buffer takes in its arena (one group's arena for partials).
inline uint64_t buffer_extent(const Program& program, const Buffer& buffer) {
  if (buffer.space == Space::kTile) return uint64_t{program.tile_rows} * buffer.width;
  if (buffer.space == Space::kBatch) return uint64_t{program.max_batch} * buffer.width;
  return buffer.width;
}

// `accesses[i]` are those of instruction i. Throws Error.
void verify_hazards(const Program& program, const std::vector<std::vector<Access>>& accesses);

}  // namespace pairloom
