// The sparse optimizers: each row that occurs in the batch is updated once, by its summed gradient.
#pragma once

#include "executor/bound.h"

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

// State tensors between the learning rate and the pairs, and attributes before the poolings.
struct TableShape {
  size_t states, settings;
};
TableShape table_shape(Opcode opcode);

// The attributes l2, everyRow and the poolings end the attributes of every table operation; its pairs end its operands.
struct TableLayout {
  size_t pairs, first_pair, first_pooling;
  float l2;
  bool every_row;
};
TableLayout table_layout(const Instruction& instruction);

// 1 - beta^t and 1 - beta, in double, for step t = step + 1.
AdamSettings adam_settings(double beta1, double beta2, double eps, double l2, double weight_decay, uint64_t step);

}  // namespace pairloom
