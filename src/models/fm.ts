import { z } from "zod";
import { stack } from "../layers/embedding-layer.js";
import { add } from "../ops/arithmetic.js";
import { factorizationMachine } from "../ops/factorization-machine.js";
import { factorizationTerms } from "./fields.js";
import { defineModel } from "./model.js";
import { productTerm } from "./product-term.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({ kind: z.literal("fm"), features: featureGroup, embeddingDim });

/**
 * Factorization machine: the first-order term of all features, plus the dot products of all pairs of embeddings.
 * Source: Rendle, "Factorization Machines", 2010.
 */
export const fm = defineModel({
  kind: "fm",
  schema,
  build(features, config, scope, outputs) {
    const { linear, fields } = factorizationTerms(features, config, scope, outputs);
    const [pairs] = scope.apply(factorizationMachine, [stack(scope, fields)], {});
    return scope.apply(add, [linear, productTerm(scope, pairs, outputs)], {})[0];
  },
});
