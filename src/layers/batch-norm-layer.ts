import { columnsOf, type Tensor } from "../graph/tensor.js";
import { batchMoments, batchNormalize, updateRunning } from "../ops/batch-norm.js";
import { constant } from "../ops/sources.js";
import { ones, zeros } from "./linear-layer.js";
import type { Scope } from "./scope.js";

const EPS = 1e-5;
const MOMENTUM = 0.1;

/**
 * Batch normalization of x [B, N]: with the moments of the batch in training, with the running moments in inference.
 * Parameters `gamma`, `beta` (if `affine`), `running_mean`, `running_variance` [N]; eps and momentum as in PyTorch's
 * BatchNorm1d.
 */
export function batchNormLayer(scope: Scope, x: Tensor, affine = true): Tensor {
  const shape = [columnsOf(x)];
  const fixed = (value: number) => scope.apply(constant, [], { value, shape })[0];
  const gamma = affine ? scope.parameter("gamma", { shape, init: ones }) : fixed(1);
  const beta = affine ? scope.parameter("beta", { shape, init: zeros }) : fixed(0);
  const buffer = { shape, role: "buffer", trainable: false } as const;
  const running = [
    scope.parameter("running_mean", { ...buffer, init: zeros }),
    scope.parameter("running_variance", { ...buffer, init: ones, nonnegative: true }),
  ];
  if (scope.mode === "inference") {
    return scope.apply(batchNormalize, [x, ...running, gamma, beta], { eps: EPS, training: false })[0];
  }
  const moments = scope.apply(batchMoments, [x], {});
  scope.apply(updateRunning, [...running, ...moments], { momentum: MOMENTUM });
  return scope.apply(batchNormalize, [x, ...moments, gamma, beta], { eps: EPS, training: true })[0];
}
