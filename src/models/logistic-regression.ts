import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { linearLayer, zeros } from "../layers/linear-layer.js";
import type { Scope } from "../layers/scope.js";
import { addBias } from "../ops/add-bias.js";
import { add, sumColumns } from "../ops/arithmetic.js";
import { initializerOf } from "./feature-info.js";
import { defineModel, type GroupPath, type ModelFeatures, type WeightTables } from "./model.js";
import { featureGroup, type wideGroup } from "./schema.js";

const schema = z.strictObject({ kind: z.literal("logisticRegression"), features: featureGroup });

/** Logistic regression: a weight for every id, a weight for every number, and a bias. */
export const logisticRegression = defineModel({
  kind: "logisticRegression",
  schema,
  build: (features, config, scope) =>
    firstOrder(features, config.features, "model.features", scope.child("linear")),
});

/** The first-order term of a wide group. */
export function wideFirstOrder(
  features: ModelFeatures,
  { features: names, embeddingDim: dim, initializer }: z.output<typeof wideGroup>,
  scope: Scope,
): Tensor {
  const own = { dim, initializer: initializerOf(initializer) };
  return firstOrder(features, names, "model.wide.features", scope.child("linear"), own);
}

/**
 * The first-order term [B, 1] of any model: `b + sum of the ids' weights + w · numbers`. A weight of an id is the sum of
 * `own.dim` numbers of its table `linear.<embedding>.weight`.
 */
export function firstOrder(
  features: ModelFeatures,
  names: readonly string[],
  path: GroupPath,
  scope: Scope,
  own: Omit<WeightTables, "tables"> = {},
): Tensor {
  const { categorical, numeric } = features.partition(names, path, "type");
  const parts: Tensor[] = [];
  if (categorical.length > 0) {
    const weights = join(scope, features.weights(categorical, path, { tables: "linear", ...own }));
    parts.push(scope.apply(sumColumns, [weights], {})[0]);
  }
  if (numeric.length > 0) {
    parts.push(linearLayer(scope, features.numbers(numeric, path), { units: 1, bias: false }));
  }
  const sum = parts.length === 1 ? parts[0] : scope.apply(add, parts, {})[0];
  return scope.apply(addBias, [sum, scope.parameter("bias", { shape: [1], init: zeros })], {})[0];
}
