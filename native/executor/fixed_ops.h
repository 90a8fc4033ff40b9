// The functions that run one job of one fixed instruction.
#pragma once

#include "executor/bound.h"

namespace pairloom::fixed_ops {

using Function = void(const BoundInstruction&, const FixedJob&, Worker&);

Function constant, combine, update_running, sgd, adagrad, adam;

}  // namespace pairloom::fixed_ops
