// Inputs and constants.
#include <algorithm>

#include "cpu/operation.h"

namespace pairloom::source_ops {
namespace {

void input(const BoundInstruction& i, Tile& t) { t.step.loader->load(uint32_t(i.attribute(0)), i.views[0], t); }

void constant_rows(const BoundInstruction& i, Tile& t) {
  const Rows out = t.out(i.views[0]);
  for (uint32_t r = 0; r < t.rows; ++r) std::fill_n(out.row(r), i.views[0].size, float(i.attribute(0)));
}

void constant(const BoundInstruction& i, const FixedJob&, Worker&) {
  std::fill_n(i.views[0].base, i.views[0].size, float(i.attribute(0)));
}

}  // namespace

constexpr CpuOperation kOperations[] = {
    {.opcode = Opcode::kInput, .tile = input},
    {.opcode = Opcode::kConstantRows, .tile = constant_rows},
    {.opcode = Opcode::kConstant, .fixed = constant},
};

}  // namespace pairloom::source_ops
