import { z } from "zod";
import { crossNetwork } from "../layers/cross-network.js";
import { join } from "../layers/embedding-layer.js";
import { repeats } from "../layers/limits.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { featureDropout } from "./feature-dropout.js";
import { groupParts } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";
import { sequenceFields } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("dcn"),
  /** Features with embeddings, and plain numbers. */
  features: featureGroup,
  ...sequenceFields,
  ...featureDropout,
  embeddingDim,
  /** The cross network. */
  cross: z
    .strictObject({
      /** Number of layers; l layers give products of up to l + 1 features. */
      layers: repeats.default(3),
    })
    .prefault({}),
  /** The MLP beside the cross network. */
  deep: mlpSchema.optional(),
  /** An MLP over the outputs of both. */
  final: mlpSchema.optional(),
});

/**
 * Deep & Cross Network: a cross network and an MLP side by side over all embeddings and numbers.
 * Source: Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017.
 */
export const dcn = defineModel({
  kind: "dcn",
  schema,
  build(features, config, scope, outputs) {
    const x = join(scope, groupParts(features, config, "model", config.embeddingDim, scope));
    const crossed = crossNetwork(scope.child("cross"), x, config.cross.layers);
    const both = config.deep ? join(scope, [crossed, mlp(scope.child("deep_mlp"), x, config.deep)]) : crossed;
    const hidden = config.final ? mlp(scope.child("final_mlp"), both, config.final) : both;
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
