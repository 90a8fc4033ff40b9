import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { linearLayer, zeros } from "../layers/linear-layer.js";
import type { Scope } from "../layers/scope.js";
import { addBias } from "../ops/add-bias.js";
import { add, sumColumns } from "../ops/arithmetic.js";
import { defineModel, type ModelFeatures } from "./model.js";
import { featureGroup } from "./schema.js";

const schema = z.strictObject({ kind: z.literal("logisticRegression"), features: featureGroup });

/** Logistic regression: a weight for every id, a weight for every number, and a bias. */
export const logisticRegression = defineModel({
  kind: "logisticRegression",
  schema,
  build: (features, config, scope) =>
    firstOrder(features, config.features, "model.features", scope.child("linear")),
});

/**
 * The first-order term [B, 1] of any model: `b + sum of the ids' weights + w · numbers`. A weight of an id is the sum of
 * `dim` numbers of its table `linear.<embedding>.weight`.
 */
export function firstOrder(
  features: ModelFeatures,
  names: readonly string[],
  path: string,
  scope: Scope,
  dim = 1,
): Tensor {
  const { categorical, numeric } = features.partition(names, path, "type");
  const parts: Tensor[] = [];
  if (categorical.length > 0) {
    const weights = join(scope, features.weights(categorical, path, "linear", dim));
    parts.push(scope.apply(sumColumns, [weights], {})[0]);
  }
  if (numeric.length > 0) {
    parts.push(linearLayer(scope, features.numbers(numeric, path), { units: 1, bias: false }));
  }
  const sum = parts.length === 1 ? parts[0] : scope.apply(add, parts, {})[0];
  return scope.apply(addBias, [sum, scope.parameter("bias", { shape: [1], init: zeros })], {})[0];
}
