import { z } from "zod";
import { join } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { add } from "../ops/arithmetic.js";
import { groupParts } from "./fields.js";
import { wideFirstOrder } from "./logistic-regression.js";
import { defineModel } from "./model.js";
import { embeddingDim, wideGroup } from "./schema.js";
import { sequenceGroup } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("wideAndDeep"),
  /** The linear model. */
  wide: wideGroup,
  /** The MLP and its features. */
  deep: z.strictObject({ ...sequenceGroup, mlp: mlpSchema }),
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
  build(features, { wide, deep, embeddingDim, final }, scope, outputs) {
    const wideTerm = wideFirstOrder(features, wide, scope, outputs);
    const parts = groupParts(features, deep, "model.deep", embeddingDim, scope, "deep_");
    const hidden = mlp(scope.child("deep_mlp"), join(scope, parts), deep.mlp);
    const output = scope.child("output");
    if (final) {
      const both = mlp(scope.child("final_mlp"), join(scope, [wideTerm, hidden]), final);
      return linearLayer(output, both, { units: outputs });
    }
    // The wide term has the bias.
    return scope.apply(add, [wideTerm, linearLayer(output, hidden, { units: outputs, bias: false })], {})[0];
  },
});
