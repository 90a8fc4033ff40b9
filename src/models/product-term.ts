import type { Tensor } from "../graph/tensor.js";
import { linearLayer } from "../layers/linear-layer.js";
import type { Scope } from "../layers/scope.js";
import { sumColumns } from "../ops/arithmetic.js";

/**
 * The second-order term [B, outputs] from the products of embeddings, summed over pairs but not over dimensions, x [B, D].
 * One output is the sum over D. Several outputs each weight the dimensions, `products.weight` [outputs, D], because a sum
 * would give all of them the same number. This is the prediction layer of He & Chua, "Neural Factorization Machines for Sparse
 * Predictive Analytics", 2017, equation 7, and of He et al., "Neural Collaborative Filtering", 2017, equation 9.
 */
export function productTerm(scope: Scope, x: Tensor, outputs: number): Tensor {
  if (outputs === 1) return scope.apply(sumColumns, [x], {})[0];
  return linearLayer(scope.child("products"), x, { units: outputs, bias: false });
}
