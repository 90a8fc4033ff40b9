import { z } from "zod";
import { attentionInteraction, attentionSchema } from "../layers/attention-interaction.js";
import { join, stack } from "../layers/embedding-layer.js";
import { repeats } from "../layers/limits.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { reshape } from "../ops/reshape.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("autoInt"),
  /** Categorical features; their embedding dimensions must be equal. */
  features: featureGroup,
  embeddingDim,
  /** The interacting layers. */
  attention: attentionSchema
    .extend({
      /** Number of layers. */
      layers: repeats.default(3),
    })
    .prefault({}),
  /** An MLP beside the attention (AutoInt+ of the paper). */
  deep: mlpSchema.optional(),
});

/**
 * AutoInt: fields attend to each other over several layers, then one linear layer. Parameters of layer l:
 * `attention.<l>.…`. Source: Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural
 * Networks", 2019.
 */
export const autoInt = defineModel({
  kind: "autoInt",
  schema,
  build(features, config, scope, outputs) {
    const embeddings = features.equalEmbeddings(config.features, "model.features", config.embeddingDim);
    let fields = stack(scope, embeddings);
    for (let l = 0; l < config.attention.layers; l++) {
      fields = attentionInteraction(scope.child("attention").child(l), fields, config.attention);
    }
    const [, count, dim] = fields.shape as [unknown, number, number];
    const [attended] = scope.apply(reshape, [fields], { dims: [count * dim] });
    const both = config.deep
      ? join(scope, [attended, mlp(scope.child("deep_mlp"), join(scope, embeddings), config.deep)])
      : attended;
    return linearLayer(scope.child("output"), both, { units: outputs });
  },
});
