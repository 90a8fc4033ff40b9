import { z } from "zod";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { addBias } from "../ops/add-bias.js";
import { broadcastColumns, multiply, scale, sumColumns } from "../ops/arithmetic.js";
import { slice } from "../ops/concat.js";
import { constantRows } from "../ops/constant-rows.js";
import { logisticNoise } from "../ops/logistic-noise.js";
import type { Scope } from "./scope.js";

/** Learned dropout of whole features. */
export const variationalDropoutSchema = z.strictObject({
  /**
   * What a feature that is kept adds to the loss of a row: `regularization` times its probability of being kept. In TorchEasyRec
   * `regularization_lambda` is divided by the batch size.
   */
  regularization: z.number().min(0),
});

export type VariationalDropoutConfig = z.output<typeof variationalDropoutSchema>;

/** How near the samples of training are to 0 and 1. */
const TEMPERATURE = 0.1;

/**
 * Variational dropout of features x_i [B, D_i] -> [B, D_i] each: `(1 - z_i) x_i`, where z_i is 1 with the learned probability
 * `p_i = sigmoid(logits_i)`. In training each row has samples of the concrete distribution, `z = sigmoid((logits + noise) / 0.1)`,
 * and `regularization * sum_i (1 - p_i)` is added to its loss; in inference `z = p`. Features that help are kept, so p ranks
 * the features. Parameter `logits` [number of features], from a standard normal distribution.
 * Source: Chang, Rampasek & Goldenberg, "Dropout Feature Ranking for Deep Learning Models", 2017, as in TorchEasyRec.
 */
export function variationalDropout(
  scope: Scope,
  features: readonly Tensor[],
  { regularization }: VariationalDropoutConfig,
): Tensor[] {
  const dims = [features.length];
  const logits = scope.parameter("logits", { shape: dims, init: { kind: "normal", mean: 0, std: 1 } });
  const [zeros] = scope.apply(constantRows, [], { value: 0, dims });
  const kept = complement(scope, scope.apply(addBias, [zeros, logits], {})[0], 1);
  if (scope.mode === "inference") return scaled(scope, features, kept);
  const [sum] = scope.apply(sumColumns, [kept], {});
  scope.penalize(scope.apply(scale, [sum], { factor: regularization })[0]);
  const [noise] = scope.apply(logisticNoise, [], { dims, stream: scope.stream("dropout") });
  const noisy = scope.apply(addBias, [noise, logits], {})[0];
  return scaled(scope, features, complement(scope, noisy, TEMPERATURE));
}

/** `1 - sigmoid(x / temperature)`. */
function complement(scope: Scope, x: Tensor, temperature: number): Tensor {
  const [negative] = scope.apply(scale, [x], { factor: -1 / temperature });
  return scope.apply(activation, [negative], { fn: "sigmoid" })[0];
}

/** Each feature times its column of `factors`. */
function scaled(scope: Scope, features: readonly Tensor[], factors: Tensor): Tensor[] {
  return features.map((x, i) => {
    const [factor] = scope.apply(slice, [factors], { start: i, size: 1 });
    const [spread] = scope.apply(broadcastColumns, [factor], { columns: columnsOf(x) });
    return scope.apply(multiply, [x, spread], {})[0];
  });
}
