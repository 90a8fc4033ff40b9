import type { Tensor } from "../graph/tensor.js";
import { layerNorm } from "../ops/layer-norm.js";
import { ones, zeros } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/** Layer normalization of x [B, …, N] over its last dimension; parameters `gamma`, `beta` [N]. */
export function layerNormLayer(scope: Scope, x: Tensor): Tensor {
  const shape = [x.shape.at(-1) as number];
  const gamma = scope.parameter("gamma", { shape, init: ones });
  const beta = scope.parameter("beta", { shape, init: zeros });
  return scope.apply(layerNorm, [x, gamma, beta], { eps: 1e-5 })[0];
}
