import { z } from "zod";
import { stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { add } from "../ops/arithmetic.js";
import { dotInteraction } from "../ops/dot-interaction.js";
import { factorizationTerms } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("fwfm"),
  /** Features with equal embedding dimensions; plain numbers are used in the first-order term only. */
  features: featureGroup,
  embeddingDim,
});

/**
 * Field-weighted factorization machine: as FM, with a weight for every pair of fields, `sum_{i<j} r_ij <v_i, v_j>`.
 * The weights are the parameter `pairs.weight` [1, F (F-1) / 2], in the order (0,1), (0,2), …, (1,2), ….
 * Source: Pan et al., "Field-weighted Factorization Machines for Click-Through Rate Prediction in Display Advertising",
 * 2018.
 */
export const fwfm = defineModel({
  kind: "fwfm",
  schema,
  build(features, config, scope, outputs) {
    const { linear, fields } = factorizationTerms(features, config, scope, outputs);
    const [pairs] = scope.apply(dotInteraction, [stack(scope, fields)], {});
    const weighted = linearLayer(scope.child("pairs"), pairs, { units: outputs, bias: false });
    return scope.apply(add, [linear, weighted], {})[0];
  },
});
