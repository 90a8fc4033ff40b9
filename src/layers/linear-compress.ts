import { columnsOf, type Tensor } from "../graph/tensor.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { glorotNormal, uniform } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/**
 * Linear compression: `fields` weighted sums of the fields, x [B, F, D] -> W x [B, fields, D]. Parameter `weight`
 * [fields, F] (Glorot normal; for `torch` He uniform over the outputs, as in TorchEasyRec). Source: Zhang et al.,
 * "Wukong: Towards a Scaling Law for Large-Scale Recommendation", 2024, section 3.5.
 */
export function linearCompress(scope: Scope, x: Tensor, fields: number): Tensor {
  const inputs = columnsOf(x);
  const init = scope.start === "torch" ? uniform(Math.sqrt(6 / fields)) : glorotNormal(inputs, fields);
  const weight = scope.parameter("weight", { shape: [fields, inputs], init });
  return scope.apply(batchMatmul, [weight, x], { transposeA: false, transposeB: false })[0];
}
