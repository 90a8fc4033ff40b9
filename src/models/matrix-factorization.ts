import { z } from "zod";
import { add, multiply } from "../ops/arithmetic.js";
import { firstOrder } from "./logistic-regression.js";
import { defineModel } from "./model.js";
import { productTerm } from "./product-term.js";
import { embeddingDim } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("matrixFactorization"),
  /** The feature of the matrix rows. */
  user: z.string().min(1),
  /** The feature of the matrix columns. */
  item: z.string().min(1),
  embeddingDim,
});

/**
 * Biased matrix factorisation: `b + b_user + b_item + <user, item>`.
 * Source: Koren, Bell & Volinsky, "Matrix Factorization Techniques for Recommender Systems", 2009.
 */
export const matrixFactorization = defineModel({
  kind: "matrixFactorization",
  schema,
  build(features, config, scope, outputs) {
    const names = [config.user, config.item];
    const paths = { [config.user]: "model.user", [config.item]: "model.item" };
    const [user, item] = features.equalEmbeddings(names, paths, config.embeddingDim);
    const [product] = scope.apply(multiply, [user, item], {});
    const biases = firstOrder(features, names, paths, scope.child("linear"), outputs);
    return scope.apply(add, [biases, productTerm(scope, product, outputs)], {})[0];
  },
});
