import { z } from "zod";
import { join } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { add } from "../ops/arithmetic.js";
import { groupParts } from "./fields.js";
import { firstOrder } from "./logistic-regression.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("wideAndDeep"),
  /** The linear model. */
  wide: z.strictObject({
    features: featureGroup,
    /** A weight of an id is the sum of so many numbers. TorchEasyRec's default is 4; 1 is the paper's. */
    embeddingDim: z.int().positive().default(4),
  }),
  /** The MLP and what it sees. */
  deep: z.strictObject({ features: featureGroup, mlp: mlpSchema }),
  embeddingDim,
  /** An MLP over the wide term and the deep MLP's output, instead of their sum. */
  final: mlpSchema.optional(),
});

/**
 * Wide & Deep: a linear model over the wide group and an MLP over the deep group, trained together.
 * Source: Cheng et al., "Wide & Deep Learning for Recommender Systems", 2016.
 */
export const wideAndDeep = defineModel({
  kind: "wideAndDeep",
  schema,
  build(features, { wide, deep, embeddingDim, final }, scope) {
    const linear = scope.child("linear");
    const wideTerm = firstOrder(features, wide.features, "model.wide.features", linear, wide.embeddingDim);
    const parts = groupParts(features, deep.features, "model.deep.features", embeddingDim);
    const hidden = mlp(scope.child("deep_mlp"), join(scope, parts), deep.mlp);
    const output = scope.child("output");
    if (final) {
      const both = mlp(scope.child("final_mlp"), join(scope, [wideTerm, hidden]), final);
      return linearLayer(output, both, { units: 1 });
    }
    // The wide term has the bias.
    return scope.apply(add, [wideTerm, linearLayer(output, hidden, { units: 1, bias: false })], {})[0];
  },
});
