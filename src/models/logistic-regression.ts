import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { initializerOf } from "../layers/initializer.js";
import { linearLayer, zeros } from "../layers/linear-layer.js";
import type { Scope } from "../layers/scope.js";
import { addBias } from "../ops/add-bias.js";
import { add, sumColumns } from "../ops/arithmetic.js";
import { sumInner } from "../ops/inner.js";
import { reshape } from "../ops/reshape.js";
import { dropped, type FeatureDropout } from "./feature-dropout.js";
import { defineModel, type GroupPath, type ModelFeatures, type WeightTables } from "./model.js";
import { featureGroup, type wideGroup } from "./schema.js";

const schema = z.strictObject({ kind: z.literal("logisticRegression"), features: featureGroup });

/** Logistic regression: one weight per id, one weight per number, and a bias. */
export const logisticRegression = defineModel({
  kind: "logisticRegression",
  schema,
  build: (features, config, scope, outputs) =>
    firstOrder(features, config.features, "model.features", scope.child("linear"), outputs),
});

/** The first-order term of a wide group. */
export function wideFirstOrder(
  features: ModelFeatures,
  {
    features: names,
    embeddingDim: dim,
    initializer,
    followTrainable,
    variationalDropout,
  }: z.output<typeof wideGroup>,
  scope: Scope,
  outputs: number,
): Tensor {
  const own = { dim, initializer: initializerOf(initializer), followTrainable, variationalDropout };
  return firstOrder(features, names, "model.wide.features", scope.child("linear"), outputs, own);
}

/**
 * The first-order term [B, outputs] of any model: `b + sum of the ids' weights + w · numbers`. The weight of an id is the
 * sum of `own.dim` numbers in its row of the table `linear.<embedding>.weight` [R, outputs * dim], grouped by output.
 */
export function firstOrder(
  features: ModelFeatures,
  names: readonly string[],
  path: GroupPath,
  scope: Scope,
  outputs: number,
  { dim = 1, variationalDropout, ...own }: Omit<WeightTables, "tables"> & FeatureDropout = {},
): Tensor {
  const { categorical, numeric } = features.partition(names, path, "type");
  const tables = { tables: "linear", ...own, dim: outputs * dim };
  const all = [
    ...features.weights(categorical, path, tables),
    ...numeric.map((name) => features.numbers([name], path)),
  ];
  const kept = dropped(scope.child("dropout"), all, { variationalDropout });
  const [weights, numbers] = [kept.slice(0, categorical.length), kept.slice(categorical.length)];
  const parts: Tensor[] = [];
  if (weights.length > 0) {
    parts.push(
      outputs === 1
        ? scope.apply(sumColumns, [join(scope, weights)], {})[0]
        : sumByOutput(scope, weights, outputs, dim),
    );
  }
  if (numbers.length > 0) {
    parts.push(linearLayer(scope, join(scope, numbers), { units: outputs, bias: false }));
  }
  const sum = parts.length === 1 ? parts[0] : scope.apply(add, parts, {})[0];
  return scope.apply(addBias, [sum, scope.parameter("bias", { shape: [outputs], init: zeros })], {})[0];
}

/** Weights [B, outputs dim], one tensor per feature -> [B, outputs]. */
function sumByOutput(scope: Scope, weights: readonly Tensor[], outputs: number, dim: number): Tensor {
  const sum = weights.length === 1 ? weights[0] : scope.apply(add, weights, {})[0];
  const [byOutput] = scope.apply(reshape, [sum], { dims: [outputs, dim] });
  return scope.apply(sumInner, [byOutput], {})[0];
}
