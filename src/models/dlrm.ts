import { z } from "zod";
import { ConfigError } from "../errors.js";
import type { Tensor } from "../graph/tensor.js";
import { join, stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import type { Scope } from "../layers/scope.js";
import { dotInteraction } from "../ops/dot-interaction.js";
import { defineModel, type ModelFeatures } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";

const schema = z.strictObject({
  kind: z.literal("dlrm"),
  /** Numbers, and the MLP that turns them into one more field; its last width is the embedding dim. */
  dense: z.strictObject({ features: featureGroup, mlp: mlpSchema }).optional(),
  /** Categorical features of one embedding dim. */
  sparse: z.strictObject({ features: featureGroup }),
  embeddingDim,
  /** The MLP over interactions and dense field. */
  final: mlpSchema,
  /** Whether the final MLP also sees all sparse embeddings; TorchEasyRec does, the paper does not. */
  archWithSparse: z.boolean().default(true),
});

/**
 * DLRM: a dense MLP makes the numbers one more field; the dot products of all pairs of fields, the dense field and
 * (with `archWithSparse`) the embeddings themselves go through the final MLP to one logit.
 * Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019.
 */
export const dlrm = defineModel({
  kind: "dlrm",
  schema,
  build(features, config, scope) {
    const sparse = features.equalEmbeddings(
      config.sparse.features,
      "model.sparse.features",
      config.embeddingDim,
    );
    const dense = config.dense && denseField(features, config.dense, sparse[0].shape[1] as number, scope);
    const fields = stack(scope, dense ? [dense, ...sparse] : sparse);
    checkFields(fields);
    const [interactions] = scope.apply(dotInteraction, [fields], {});
    const parts = [interactions, ...(dense ? [dense] : []), ...(config.archWithSparse ? sparse : [])];
    const hidden = mlp(scope.child("final_mlp"), join(scope, parts), config.final);
    return linearLayer(scope.child("output"), hidden, { units: 1 });
  },
});

function denseField(
  features: ModelFeatures,
  dense: NonNullable<z.output<typeof schema>["dense"]>,
  dim: number,
  scope: Scope,
): Tensor {
  const field = mlp(
    scope.child("dense_mlp"),
    features.numbers(dense.features, "model.dense.features"),
    dense.mlp,
  );
  if (field.shape[1] === dim) return field;
  throw new ConfigError({
    what: "the last width of the dense MLP must be the embedding dim",
    where: `model.dense.mlp.hiddenUnits[${dense.mlp.hiddenUnits.length - 1}]`,
    got: String(field.shape[1]),
    expected: String(dim),
    next: `Set the last of hiddenUnits, or embeddingDim, so that both are equal.`,
  });
}

function checkFields(fields: Tensor): void {
  if ((fields.shape[1] as number) >= 2) return;
  throw new ConfigError({
    what: "an interaction needs two fields",
    where: "model.sparse.features",
    got: "1 feature and no dense group",
    expected: "2 or more features, or a dense group",
    next: "Add a feature or a dense group.",
  });
}
