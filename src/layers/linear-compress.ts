import { columnsOf, type Tensor } from "../graph/tensor.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { glorotNormal } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/**
 * Linear compression: `fields` weighted sums of the fields, x [B, F, D] -> W x [B, fields, D]. Parameter `weight`
 * [fields, F] (Glorot normal). Source: Zhang et al., "Wukong: Towards a Scaling Law for Large-Scale Recommendation",
 * 2024, section 3.5.
 */
export function linearCompress(scope: Scope, x: Tensor, fields: number): Tensor {
  const inputs = columnsOf(x);
  const weight = scope.parameter("weight", { shape: [fields, inputs], init: glorotNormal(inputs, fields) });
  return scope.apply(batchMatmul, [weight, x], { transposeA: false, transposeB: false })[0];
}
