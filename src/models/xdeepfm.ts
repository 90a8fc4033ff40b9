import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { cin, cinSchema } from "../layers/cin.js";
import { join, stack } from "../layers/embedding-layer.js";
import { initializerOf, initializerSchema } from "../layers/initializer.js";
import { width } from "../layers/limits.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import type { Scope } from "../layers/scope.js";
import { add } from "../ops/arithmetic.js";
import { factorizationMachine } from "../ops/factorization-machine.js";
import { dropped } from "./feature-dropout.js";
import { groupParts } from "./fields.js";
import { firstOrder } from "./logistic-regression.js";
import { defineModel, type ModelFeatures } from "./model.js";
import { productTerm } from "./product-term.js";
import { embeddedGroup, embeddingDim } from "./schema.js";
import { sequenceGroup } from "./sequence-encoders.js";

/** The features of the compressed interaction network, and their tables. */
const wide = z
  .strictObject({
    ...embeddedGroup,
    /** `own`: separate tables, as in TorchEasyRec; `shared`: the tables of the deep group, as in the paper. */
    tables: z.enum(["own", "shared"]).default("own"),
    /** Embedding dimension of separate tables; default 16. */
    embeddingDim: width.optional(),
    /** Initial values of separate tables; default: those of the features. */
    initializer: initializerSchema.optional(),
  })
  .superRefine((group, context) => {
    if (group.tables === "own") return;
    for (const key of ["embeddingDim", "initializer"] as const) {
      if (group[key] === undefined) continue;
      const message = `the shared tables belong to the deep group: remove ${key}, or set tables to "own"`;
      context.addIssue({ code: "custom", path: [key], message });
    }
  });

const schema = z.strictObject({
  kind: z.literal("xdeepfm"),
  wide,
  /** Features of the MLP; embeddings and numbers are concatenated. */
  deep: z.strictObject({ ...sequenceGroup, mlp: mlpSchema }),
  embeddingDim,
  /** The compressed interaction network over the embeddings of the wide group. */
  cin: cinSchema,
  /** Adds a factorization machine over the wide group. */
  fm: z.boolean().default(false),
  /** Adds a first-order term of the wide group. */
  linear: z.boolean().default(false),
  /** An MLP over all terms, instead of their (learned) sum. */
  final: mlpSchema.optional(),
});

/**
 * xDeepFM: a compressed interaction network over the wide group and an MLP over the deep group, optionally with a
 * first-order term and a factorization machine.
 * Source: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems", 2018.
 */
export const xdeepfm = defineModel({
  kind: "xdeepfm",
  schema,
  build(features, config, scope, outputs) {
    const embedded = wideFields(features, config);
    const fields = stack(scope, dropped(scope.child("wide_dropout"), embedded, config.wide));
    const maps = cin(scope.child("cin"), fields, config.cin);
    const { deep, embeddingDim } = config;
    const parts = groupParts(features, deep, "model.deep", embeddingDim, scope, "deep_");
    const hidden = mlp(scope.child("deep_mlp"), join(scope, parts), deep.mlp);
    const pairs = config.fm ? [...scope.apply(factorizationMachine, [fields], {})] : [];
    const firstOrders = config.linear ? [wideTerm(features, config.wide.features, scope, outputs)] : [];

    const output = scope.child("output");
    if (config.final) {
      const all = join(scope, [maps, hidden, ...pairs, ...firstOrders]);
      return linearLayer(output, mlp(scope.child("final_mlp"), all, config.final), { units: outputs });
    }
    const both = linearLayer(output, join(scope, [maps, hidden]), { units: outputs, bias: !config.linear });
    const terms = [both, ...pairs.map((each) => productTerm(scope, each, outputs)), ...firstOrders];
    return terms.length === 1 ? both : scope.apply(add, terms, {})[0];
  },
});

function wideFields(
  features: ModelFeatures,
  { wide, embeddingDim }: { wide: z.output<typeof schema>["wide"]; embeddingDim: number },
): Tensor[] {
  const path = "model.wide.features";
  const { tables, embeddingSuffix = "" } = wide;
  if (tables === "shared")
    return features.equalEmbeddings(wide.features, path, embeddingDim, embeddingSuffix);
  return features.ownEmbeddings(wide.features, path, {
    tables: `wide_embeddings${embeddingSuffix}`,
    dim: wide.embeddingDim ?? 16,
    initializer: initializerOf(wide.initializer),
  });
}

function wideTerm(features: ModelFeatures, names: readonly string[], scope: Scope, outputs: number): Tensor {
  return firstOrder(features, names, "model.wide.features", scope.child("linear"), outputs);
}
