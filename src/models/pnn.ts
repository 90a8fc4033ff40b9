import { z } from "zod";
import { join, stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { outerProduct } from "../layers/outer-product.js";
import { dotInteraction } from "../ops/dot-interaction.js";
import { checkFields } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("pnn"),
  /** Categorical features with equal embedding dimensions, and numbers, which are not multiplied. */
  features: featureGroup,
  embeddingDim,
  /** The dot products of all pairs of fields, the superposed outer products, or both. */
  product: z.enum(["inner", "outer", "both"]).default("inner"),
  /** The MLP over embeddings, numbers and products. */
  mlp: mlpSchema,
});

/**
 * Product-based neural network: an MLP over the embeddings and their products, IPNN (`inner`), OPNN (`outer`) or PNN*
 * (`both`). Source: Qu et al., "Product-based Neural Networks for User Response Prediction", 2016.
 */
export const pnn = defineModel({
  kind: "pnn",
  schema,
  build(features, config, scope, outputs) {
    const path = "model.features";
    const { categorical, numeric } = features.partition(config.features, path);
    const embeddings = features.equalEmbeddings(categorical, path, config.embeddingDim);
    const parts = numeric.length > 0 ? [...embeddings, features.numbers(numeric, path)] : [...embeddings];
    checkFields(embeddings, path);
    const fields = stack(scope, embeddings);
    if (config.product !== "outer") parts.push(scope.apply(dotInteraction, [fields], {})[0]);
    if (config.product !== "inner") parts.push(outerProduct(scope, fields));
    const hidden = mlp(scope.child("mlp"), join(scope, parts), config.mlp);
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
