import type { Tensor } from "../graph/tensor.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { reshape } from "../ops/reshape.js";
import { constant } from "../ops/sources.js";
import type { Scope } from "./scope.js";

/**
 * The outer products of all pairs of fields, superposed: x [B, F, D] -> `s s^T` [B, D * D] with `s = sum_f x_f`, because
 * `sum_i sum_j x_i x_j^T` is just that. Source: Qu et al., "Product-based Neural Networks for User Response Prediction",
 * 2016, equation 13.
 */
export function outerProduct(scope: Scope, x: Tensor): Tensor {
  const [, fields, dim] = x.shape as [unknown, number, number];
  const [ones] = scope.apply(constant, [], { value: 1, shape: [1, fields] });
  const [sum] = scope.apply(batchMatmul, [ones, x], { transposeA: false, transposeB: false });
  const [products] = scope.apply(batchMatmul, [sum, sum], { transposeA: true, transposeB: false });
  return scope.apply(reshape, [products], { dims: [dim * dim] })[0];
}
