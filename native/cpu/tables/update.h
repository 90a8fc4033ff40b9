// The sparse optimizers: each row that occurs in the batch is updated once, by its summed gradient.
#pragma once

#include "cpu/bound.h"

namespace pairloom {

// The fixed functions of the table operations.
void table_sgd(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_adagrad(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_row_wise_adagrad(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_adam(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);

void table_rmsprop(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_adadelta(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_lamb(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_partial_row_wise_adam(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_partial_row_wise_lamb(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);
void table_lars_sgd(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);

// The squares of the gradient's elements, summed by part of the table's rows.
void table_sum_squares(const BoundInstruction& instruction, const FixedJob& job, Worker& worker);

// The parts of tableSumSquares: a row belongs to the hash that `owns` takes, modulo this.
constexpr uint32_t kTableSumParts = 16;

// 1 - beta^t and 1 - beta, in double, for step t = step + 1.
AdamSettings adam_settings(double beta1, double beta2, double eps, double l2, double weight_decay, uint64_t step);

}  // namespace pairloom
