import { z } from "zod";
import { crossNetworkV2 } from "../layers/cross-network.js";
import { join } from "../layers/embedding-layer.js";
import { repeats, width } from "../layers/limits.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { featureDropout } from "./feature-dropout.js";
import { groupParts } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";
import { sequenceFields } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("dcnV2"),
  /** Features with embeddings, and plain numbers. */
  features: featureGroup,
  ...sequenceFields,
  ...featureDropout,
  embeddingDim,
  /** An MLP before the cross network, to reduce its input width. */
  backbone: mlpSchema.optional(),
  /** The cross network. */
  cross: z
    .strictObject({
      /** Number of layers; l layers give products of up to l + 1 features. */
      layers: repeats.default(3),
      /** Rank of each layer's weight; default: a full weight. */
      rank: width.optional(),
    })
    .prefault({}),
  /** An MLP beside the cross network: the paper's parallel structure. */
  deep: mlpSchema.optional(),
  /** An MLP after it (over the outputs of both): without `deep`, the paper's stacked structure. */
  final: mlpSchema.optional(),
});

/**
 * DCN version 2: the cross network with a matrix, full or of low rank, in each layer, with MLPs beside or after it.
 * Source: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
 * Systems", 2021.
 */
export const dcnV2 = defineModel({
  kind: "dcnV2",
  schema,
  build(features, config, scope, outputs) {
    const x = join(scope, groupParts(features, config, "model", config.embeddingDim, scope));
    const narrowed = config.backbone ? mlp(scope.child("backbone_mlp"), x, config.backbone) : x;
    const crossed = crossNetworkV2(scope.child("cross"), narrowed, config.cross);
    const both = config.deep ? join(scope, [crossed, mlp(scope.child("deep_mlp"), x, config.deep)]) : crossed;
    const hidden = config.final ? mlp(scope.child("final_mlp"), both, config.final) : both;
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
