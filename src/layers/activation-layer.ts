import { columnsOf, type Tensor } from "../graph/tensor.js";
import { ACTIVATIONS, activation } from "../ops/activation.js";
import { add, multiply, scale } from "../ops/arithmetic.js";
import { scaleColumns } from "../ops/scale-columns.js";
import { batchNormLayer } from "./batch-norm-layer.js";
import { zeros } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/** Activations of a layer: elementwise functions, and `prelu` and `dice`, which have parameters. */
export const activationNames = [
  ...(Object.keys(ACTIVATIONS) as (keyof typeof ACTIVATIONS)[]),
  "prelu",
  "dice",
] as const;
export type ActivationName = (typeof activationNames)[number];

/** Elementwise activation of x [B, N]. */
export function activationLayer(scope: Scope, x: Tensor, name: ActivationName): Tensor {
  if (name === "none") return x;
  if (name === "prelu") return prelu(scope.child("prelu"), x);
  if (name === "dice") return dice(scope.child("dice"), x);
  return scope.apply(activation, [x], { fn: name })[0];
}

/**
 * PReLU: x [B, N] -> x where it is positive, `alpha_i x_i` elsewhere. Parameter `alpha` [N], initially 0.25.
 * Source: He et al., "Delving Deep into Rectifiers", 2015.
 */
function prelu(scope: Scope, x: Tensor): Tensor {
  const alpha = scope.parameter("alpha", {
    shape: [columnsOf(x)],
    init: { kind: "constant", value: 0.25 },
  });
  const [positive] = scope.apply(activation, [x], { fn: "relu" });
  const negative = subtract(scope, x, positive);
  return scope.apply(add, [positive, scope.apply(scaleColumns, [negative, alpha], {})[0]], {})[0];
}

/**
 * Dice: x [B, N] -> `p x + (1 - p) alpha x` with `p = sigmoid(BN(x))`, a rectifier whose corner follows the batch.
 * Parameters `alpha` [N] (initially zero) and those of the normalization under `norm`.
 * Source: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", 2018, equation 3.
 */
function dice(scope: Scope, x: Tensor): Tensor {
  const alpha = scope.parameter("alpha", { shape: [columnsOf(x)], init: zeros });
  const [p] = scope.apply(activation, [batchNormLayer(scope.child("norm"), x)], { fn: "sigmoid" });
  const [low] = scope.apply(scaleColumns, [x, alpha], {});
  const [gain] = scope.apply(multiply, [p, subtract(scope, x, low)], {});
  return scope.apply(add, [low, gain], {})[0];
}

function subtract(scope: Scope, a: Tensor, b: Tensor): Tensor {
  return scope.apply(add, [a, scope.apply(scale, [b], { factor: -1 })[0]], {})[0];
}
