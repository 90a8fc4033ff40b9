// The functions that run one instruction on one tile of rows: they unpack operands and call a kernel.
#pragma once

#include "cpu/bound.h"

namespace pairloom::tile_ops {

using Function = void(const BoundInstruction&, Tile&);

Function input, constant_rows, embedding, embedding_bag, linear, linear_grad_input, linear_grad_weight, sum_rows,
    activation, activation_grad, concat, add, multiply, scale, sum_columns, broadcast_columns, dot_interaction,
    dot_interaction_grad, factorization_machine, factorization_machine_grad, batch_matmul, softmax,
    softmax_grad, transpose, batch_moments, batch_normalize,
    batch_norm_grad_sums, batch_norm_grad_input, layer_norm, layer_norm_grad_input, layer_norm_grad_params, dropout,
    sigmoid_cross_entropy, sigmoid_cross_entropy_grad, focal_cross_entropy, focal_cross_entropy_grad,
    softmax_cross_entropy, softmax_cross_entropy_grad, batch_mean, batch_mean_grad;

Function compressed_interaction, compressed_interaction_grad_input, compressed_interaction_grad_weight, sum_inner,
    broadcast_inner;

// The kernels in the precision that an instruction's last attribute asks for.
const LinearKernels& linear_kernels(const KernelTable&, const BoundInstruction&);

// Floats of scratch for a tile of so many rows.
size_t linear_scratch(const KernelTable&, const BoundInstruction&, uint32_t rows);
size_t linear_grad_weight_scratch(const KernelTable&, const BoundInstruction&, uint32_t rows);
size_t compressed_interaction_scratch(const KernelTable&, const BoundInstruction&, uint32_t rows);
size_t compressed_interaction_grad_scratch(const KernelTable&, const BoundInstruction&, uint32_t rows);

}  // namespace pairloom::tile_ops
