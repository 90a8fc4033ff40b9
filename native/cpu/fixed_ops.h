// The functions that run one job of one fixed instruction.
#pragma once

#include "cpu/bound.h"

namespace pairloom::fixed_ops {

using Function = void(const BoundInstruction&, const FixedJob&, Worker&);

Function constant, combine, update_running, sgd, adagrad, adam, moving_average, sum_squares, clip_factor,
    scale_by_number, clip_value;

Function fold_pairs, unfold_pairs;

Function session_log_sum_exp, session_log_sum_exp_grad;

}  // namespace pairloom::fixed_ops
