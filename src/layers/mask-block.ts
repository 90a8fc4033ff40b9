import { columnsOf, type Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { multiply } from "../ops/arithmetic.js";
import { layerNormLayer } from "./layer-norm-layer.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";

export interface MaskBlockOptions {
  /** Width of the output. */
  readonly units: number;
  /** Width of the aggregation layer that the mask is made from. */
  readonly aggregation: number;
}

/**
 * MaskBlock: x [B, N] is multiplied by a mask made from the embeddings v [B, M], then goes through a layer:
 * `relu(LN(W (x * mask)))` [B, units] with `mask = W2 relu(W1 v + b1) + b2`. For a block on the feature embeddings, x is their
 * layer norm; for a block on another block, x is the output of that block. Parameters `mask.0`, `mask.1` and `hidden` (weight, bias each) and
 * `norm` (gamma, beta).
 * Source: Wang, She & Zhang, "MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by Instance-Guided
 * Mask", 2021.
 */
export function maskBlock(
  scope: Scope,
  x: Tensor,
  v: Tensor,
  { units, aggregation }: MaskBlockOptions,
): Tensor {
  const gathered = linearLayer(scope.child("mask").child(0), v, { units: aggregation });
  const [active] = scope.apply(activation, [gathered], { fn: "relu" });
  const mask = linearLayer(scope.child("mask").child(1), active, { units: columnsOf(x) });
  const [masked] = scope.apply(multiply, [x, mask], {});
  const normed = layerNormLayer(scope.child("norm"), linearLayer(scope.child("hidden"), masked, { units }));
  return scope.apply(activation, [normed], { fn: "relu" })[0];
}
