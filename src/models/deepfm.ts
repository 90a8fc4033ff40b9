import { z } from "zod";
import { join, stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { add } from "../ops/arithmetic.js";
import { factorizationMachine } from "../ops/factorization-machine.js";
import { dropped } from "./feature-dropout.js";
import { checkFields, groupParts } from "./fields.js";
import { wideFirstOrder } from "./logistic-regression.js";
import { defineModel } from "./model.js";
import { productTerm } from "./product-term.js";
import { embeddedGroup, embeddingDim, wideGroup } from "./schema.js";
import { sequenceGroup } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("deepfm"),
  wide: wideGroup,
  /** Features of the MLP; embeddings and numbers are concatenated. */
  deep: z.strictObject({ ...sequenceGroup, mlp: mlpSchema }),
  /** Features whose embeddings are multiplied in pairs; default: those of the deep group that have embeddings. */
  fm: z.strictObject(embeddedGroup).optional(),
  embeddingDim,
  /** An MLP over the wide term, the pair products per dimension and the output of the deep MLP, instead of their sum. */
  final: mlpSchema.optional(),
});

/**
 * DeepFM: a factorization machine (first-order term and products of pairs) and a deep MLP on the same embeddings.
 * Source: Guo et al., "DeepFM: A Factorization-Machine based Neural Network for CTR Prediction", 2017.
 */
export const deepfm = defineModel({
  kind: "deepfm",
  schema,
  build(features, { wide, deep, fm, embeddingDim, final }, scope, outputs) {
    const wideTerm = wideFirstOrder(features, wide, scope, outputs);
    const parts = groupParts(features, deep, "model.deep", embeddingDim, scope, "deep_");
    const hidden = mlp(scope.child("deep_mlp"), join(scope, parts), deep.mlp);

    const path = fm ? "model.fm.features" : "model.deep.features";
    const names = fm?.features ?? features.partition(deep.features, path).categorical;
    const embedded = features.equalEmbeddings(names, path, embeddingDim, (fm ?? deep).embeddingSuffix);
    checkFields(embedded, path);
    // The deep group begins with its embeddings.
    const fields = fm ? dropped(scope.child("fm_dropout"), embedded, fm) : parts.slice(0, names.length);
    const [pairs] = scope.apply(factorizationMachine, [stack(scope, fields)], {});

    const output = scope.child("output");
    if (final) {
      const all = mlp(scope.child("final_mlp"), join(scope, [wideTerm, pairs, hidden]), final);
      return linearLayer(output, all, { units: outputs });
    }
    // The wide term has the bias.
    const deepTerm = linearLayer(output, hidden, { units: outputs, bias: false });
    return scope.apply(add, [wideTerm, productTerm(scope, pairs, outputs), deepTerm], {})[0];
  },
});
