import type { Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { scale } from "../ops/arithmetic.js";
import { concat } from "../ops/concat.js";
import { linear } from "../ops/linear.js";
import { activationLayer } from "./activation-layer.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";

export interface PeriodicOptions {
  /** Number of trained frequencies c. */
  readonly frequencies: number;
  /** Standard deviation of their initial values. */
  readonly sigma: number;
  readonly activation: "none" | "relu";
}

/**
 * A number x [B, 1] -> an embedding [B, dim]: `activation(W [sin(v), cos(v)] + b)` with `v = 2 pi c x`, c initially
 * normal with mean 0. Parameters `frequencies.weight` [frequencies, 1] (c), `linear.weight` [dim, 2 frequencies],
 * `linear.bias` [dim]. With relu it is the PLR of the paper, without it PL.
 * Source: Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", 2022, section 3.3.
 */
export function periodic(
  scope: Scope,
  x: Tensor,
  dim: number,
  { frequencies, sigma, activation: fn }: PeriodicOptions,
): Tensor {
  const weight = scope.child("frequencies").parameter("weight", {
    shape: [frequencies, 1],
    init: { kind: "normal", mean: 0, std: sigma },
  });
  const [products] = scope.apply(linear, [x, weight], { fn: "none" });
  const [angles] = scope.apply(scale, [products], { factor: 2 * Math.PI });
  const waves = (["sin", "cos"] as const).map((wave) => scope.apply(activation, [angles], { fn: wave })[0]);
  const [both] = scope.apply(concat, waves, {});
  return activationLayer(scope, linearLayer(scope.child("linear"), both, { units: dim }), fn);
}
