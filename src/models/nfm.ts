import { z } from "zod";
import { stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { add } from "../ops/arithmetic.js";
import { factorizationMachine } from "../ops/factorization-machine.js";
import { checkFields } from "./fields.js";
import { firstOrder } from "./logistic-regression.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("nfm"),
  /** Features of one embedding dim; plain numbers enter the first-order term only. */
  features: featureGroup,
  embeddingDim,
  /** The MLP over the pooled products. */
  mlp: mlpSchema,
});

/**
 * Neural factorization machine: the products of all pairs of embeddings, summed but for their dimensions, through an
 * MLP, plus the first-order term. Source: He & Chua, "Neural Factorization Machines for Sparse Predictive Analytics",
 * 2017.
 */
export const nfm = defineModel({
  kind: "nfm",
  schema,
  build(features, config, scope) {
    const path = "model.features";
    const { categorical } = features.partition(config.features, path);
    const linear = firstOrder(features, config.features, path, scope.child("linear"));
    const fields = features.equalEmbeddings(categorical, path, config.embeddingDim);
    checkFields(fields, path);
    const [pooled] = scope.apply(factorizationMachine, [stack(scope, fields)], {});
    const hidden = mlp(scope.child("mlp"), pooled, config.mlp);
    // The first-order term has the bias.
    const deep = linearLayer(scope.child("output"), hidden, { units: 1, bias: false });
    return scope.apply(add, [linear, deep], {})[0];
  },
});
