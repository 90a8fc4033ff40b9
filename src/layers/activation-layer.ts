import { z } from "zod";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { ACTIVATIONS, activation } from "../ops/activation.js";
import { add, multiply, scale } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { reshape } from "../ops/reshape.js";
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

/** The activation of a layer: its name, or a kind with settings. */
export const activationSchema = z.union([
  z.enum(activationNames),
  z.discriminatedUnion("kind", [
    z.strictObject({
      kind: z.literal("leakyRelu"),
      /** Slope for negative numbers; that of the name alone is 0.01. */
      slope: z.number(),
    }),
    z.strictObject({
      kind: z.literal("prelu"),
      /** One slope for the layer, as `nn.PReLU()` in PyTorch, instead of one per unit. */
      shared: z.boolean().default(false),
    }),
    z.strictObject({
      kind: z.literal("dice"),
      /** Trains a scale and a shift of the normalization; the paper and TorchEasyRec have none. */
      affine: z.boolean().default(true),
    }),
  ]),
]);

export type Activation = z.output<typeof activationSchema>;

/** Elementwise activation of x [B, N]. */
export function activationLayer(scope: Scope, x: Tensor, named: Activation): Tensor {
  if (named === "none") return x;
  if (named === "prelu") return prelu(scope.child("prelu"), x, false);
  if (named === "dice") return dice(scope.child("dice"), x, true);
  if (typeof named === "string") return scope.apply(activation, [x], { fn: named })[0];
  if (named.kind === "prelu") return prelu(scope.child("prelu"), x, named.shared);
  if (named.kind === "dice") return dice(scope.child("dice"), x, named.affine);
  return rectified(scope, x, (negative) => scope.apply(scale, [negative], { factor: named.slope })[0]);
}

/** x where it is positive, and a function of it elsewhere, which must be linear. */
export function rectified(scope: Scope, x: Tensor, below: (negative: Tensor) => Tensor): Tensor {
  const [positive] = scope.apply(activation, [x], { fn: "relu" });
  return scope.apply(add, [positive, below(subtract(scope, x, positive))], {})[0];
}

/**
 * PReLU: x [B, N] -> x where it is positive, `alpha_i x_i` elsewhere. Parameter `alpha` [N], or [1, 1] if it is shared,
 * initially 0.25. Source: He et al., "Delving Deep into Rectifiers", 2015.
 */
function prelu(scope: Scope, x: Tensor, shared: boolean): Tensor {
  const units = columnsOf(x);
  const alpha = scope.parameter("alpha", {
    shape: shared ? [1, 1] : [units],
    init: { kind: "constant", value: 0.25 },
  });
  if (!shared) return rectified(scope, x, (negative) => scope.apply(scaleColumns, [negative, alpha], {})[0]);
  return rectified(scope, x, (negative) => {
    const [column] = scope.apply(reshape, [negative], { dims: [units, 1] });
    const [scaled] = scope.apply(batchMatmul, [column, alpha], { transposeA: false, transposeB: false });
    return scope.apply(reshape, [scaled], { dims: [units] })[0];
  });
}

/**
 * Dice: x [B, N] -> `p x + (1 - p) alpha x` with `p = sigmoid(BN(x))`, a rectifier whose corner follows the batch.
 * Parameters `alpha` [N] (initially zero) and those of the normalization under `norm`.
 * Source: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", 2018, equation 3.
 */
function dice(scope: Scope, x: Tensor, affine: boolean): Tensor {
  const alpha = scope.parameter("alpha", { shape: [columnsOf(x)], init: zeros });
  const normed = batchNormLayer(scope.child("norm"), x, affine);
  const [p] = scope.apply(activation, [normed], { fn: "sigmoid" });
  const [low] = scope.apply(scaleColumns, [x, alpha], {});
  const [gain] = scope.apply(multiply, [p, subtract(scope, x, low)], {});
  return scope.apply(add, [low, gain], {})[0];
}

function subtract(scope: Scope, a: Tensor, b: Tensor): Tensor {
  return scope.apply(add, [a, scope.apply(scale, [b], { factor: -1 })[0]], {})[0];
}
