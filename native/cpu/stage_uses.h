// What stages read and write, to tell which of them may run at the same time.
#pragma once

#include <set>
#include <span>
#include <vector>

#include "program/program.h"

namespace pairloom {

class StageUses {
 public:
  StageUses(const Program& program, std::span<const Stage> stages);

  // Whether an operand of the one may be memory that the other writes, or both use a route of rows.
  bool conflicts(const StageUses& other) const;

 private:
  const Program& program_;
  std::vector<const Operand*> read_, written_;
  std::set<uint32_t> routes_;
};

}  // namespace pairloom
