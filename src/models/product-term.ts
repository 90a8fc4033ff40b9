import type { Tensor } from "../graph/tensor.js";
import { linearLayer } from "../layers/linear-layer.js";
import type { Scope } from "../layers/scope.js";
import { sumColumns } from "../ops/arithmetic.js";

/**
 * The second-order term [B, outputs] from products of embeddings that are summed but for their dimensions, x [B, D].
 * One output is their plain sum. Several weigh the dimensions, `products.weight` [outputs, D], each in its own way: a sum
 * would be the same number for all. It is the prediction layer of He & Chua, "Neural Factorization Machines for Sparse
 * Predictive Analytics", 2017, equation 7, and of He et al., "Neural Collaborative Filtering", 2017, equation 9.
 */
export function productTerm(scope: Scope, x: Tensor, outputs: number): Tensor {
  if (outputs === 1) return scope.apply(sumColumns, [x], {})[0];
  return linearLayer(scope.child("products"), x, { units: outputs, bias: false });
}
