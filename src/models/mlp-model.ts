import { z } from "zod";
import { join } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { featureDropout } from "./feature-dropout.js";
import { groupParts } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";
import { sequenceFields } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("mlp"),
  features: featureGroup,
  ...sequenceFields,
  ...featureDropout,
  embeddingDim,
  mlp: mlpSchema,
});

/** The embeddings and numbers of all features, concatenated, through an MLP. */
export const mlpModel = defineModel({
  kind: "mlp",
  schema,
  build(features, config, scope, outputs) {
    const parts = groupParts(features, config, "model", config.embeddingDim, scope);
    const hidden = mlp(scope.child("mlp"), join(scope, parts), config.mlp);
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
