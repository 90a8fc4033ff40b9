import { z } from "zod";
import { batchNormLayer } from "../layers/batch-norm-layer.js";
import { dropoutLayer, dropoutRate } from "../layers/dropout-layer.js";
import { stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { add } from "../ops/arithmetic.js";
import { factorizationMachine } from "../ops/factorization-machine.js";
import { factorizationTerms } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("nfm"),
  /** Features with equal embedding dimensions; plain numbers are used in the first-order term only. */
  features: featureGroup,
  embeddingDim,
  /** Batch normalization and dropout of the pooled products, as in the paper. */
  pooled: z
    .strictObject({
      /** Batch normalization, before the dropout. */
      norm: z.enum(["none", "batch"]).default("none"),
      dropout: dropoutRate.default(0),
    })
    .prefault({}),
  /** The MLP over the pooled products. */
  mlp: mlpSchema,
});

/**
 * Neural factorization machine: the products of all pairs of embeddings, summed over pairs but not over dimensions, through an
 * MLP, plus the first-order term. Source: He & Chua, "Neural Factorization Machines for Sparse Predictive Analytics",
 * 2017.
 */
export const nfm = defineModel({
  kind: "nfm",
  schema,
  build(features, config, scope, outputs) {
    const { linear, fields } = factorizationTerms(features, config, scope, outputs);
    const [products] = scope.apply(factorizationMachine, [stack(scope, fields)], {});
    const pooled = scope.child("pooled");
    const { norm, dropout } = config.pooled;
    const normed = norm === "batch" ? batchNormLayer(pooled.child("norm"), products) : products;
    const hidden = mlp(scope.child("mlp"), dropoutLayer(pooled, normed, dropout), config.mlp);
    // The first-order term has the bias.
    const deep = linearLayer(scope.child("output"), hidden, { units: outputs, bias: false });
    return scope.apply(add, [linear, deep], {})[0];
  },
});
