import { z } from "zod";
import { ConfigError } from "../errors.js";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import type { Scope } from "../layers/scope.js";
import { dropped, type FeatureDropout } from "./feature-dropout.js";
import { firstOrder } from "./logistic-regression.js";
import type { ModelFeatures } from "./model.js";
import { embeddingDim } from "./schema.js";
import { encodedSequences, type SequenceGroup, sequenceGroup } from "./sequence-encoders.js";

/** The groups of models that turn dense features into one more field. */
export const fieldGroups = {
  /**
   * Features, mostly numbers, and the MLP that turns them into one more field; its last width must be the embedding
   * dimension. Embeddings come before numbers.
   */
  dense: z.strictObject({ ...sequenceGroup, mlp: mlpSchema }).optional(),
  /** Categorical features, and vectors of sequences; their dimensions must be equal. */
  sparse: z.strictObject(sequenceGroup),
  embeddingDim,
};

/** A group of features, the suffix of its tables, its encoders of sequences, and its dropout. */
export interface EmbeddedGroup extends SequenceGroup, FeatureDropout {
  readonly features: readonly string[];
}

export interface FieldsConfig {
  readonly dense?: EmbeddedGroup & { readonly mlp: z.output<typeof mlpSchema> };
  readonly sparse: EmbeddedGroup;
  readonly embeddingDim: number;
}

/** The field of the dense MLP, if there is a dense group, and the sparse embeddings, all [B, dim]. */
export function denseAndSparseFields(
  features: ModelFeatures,
  config: FieldsConfig,
  scope: Scope,
): { dense: Tensor | undefined; sparse: Tensor[] } {
  const { embeddingDim } = config;
  const embedded = features.equalEmbeddings(
    config.sparse.features,
    "model.sparse.features",
    embeddingDim,
    config.sparse.embeddingSuffix,
  );
  const path = "model.sparse.sequences";
  const encoded = encodedSequences(
    features,
    config.sparse,
    path,
    embeddingDim,
    scope.child("sparse_sequences"),
  );
  checkEncodedFields(encoded, path, columnsOf(embedded[0]));
  const sparse = dropped(scope.child("sparse_dropout"), [...embedded, ...encoded], config.sparse);
  if (!config.dense) return { dense: undefined, sparse };
  const parts = groupParts(features, config.dense, "model.dense", embeddingDim, scope, "dense_");
  const dense = mlp(scope.child("dense_mlp"), join(scope, parts), config.dense.mlp);
  checkDenseField(dense, config.dense, columnsOf(sparse[0]));
  return { dense, sparse };
}

function checkEncodedFields(fields: readonly Tensor[], path: string, dim: number): void {
  const odd = fields.findIndex((field) => columnsOf(field) !== dim);
  if (odd < 0) return;
  throw new ConfigError({
    what: "the vector of a sequence must have the dimension of the other fields",
    where: `${path}[${odd}].columns`,
    got: `embeddings of ${columnsOf(fields[odd])} numbers in all`,
    expected: String(dim),
    next: "Give an encoder one column with the embedding dimension, or set dim of several so that they add up to it.",
  });
}

function checkDenseField(field: Tensor, dense: NonNullable<FieldsConfig["dense"]>, dim: number): void {
  if (field.shape[1] === dim) return;
  throw new ConfigError({
    what: "the last width of the dense MLP must be the embedding dimension",
    where: `model.dense.mlp.hiddenUnits[${dense.mlp.hiddenUnits.length - 1}]`,
    got: String(field.shape[1]),
    expected: String(dim),
    next: `Set the last of hiddenUnits, or embeddingDim, so that both are equal.`,
  });
}

/** @throws ConfigError for fewer than two fields, which have no pair to multiply */
export function checkFields(fields: readonly Tensor[], path: string): void {
  if (fields.length >= 2) return;
  throw new ConfigError({
    what: "an interaction needs two fields",
    where: path,
    got: `${fields.length}`,
    expected: "2 or more features with embeddings",
    next: "Add a feature with an embedding, or a dense group if the model has one.",
  });
}

/**
 * The common part of all factorization machines: the first-order term [B, outputs] of all features, and the embeddings
 * [B, dim] of the features that have one.
 */
export function factorizationTerms(
  features: ModelFeatures,
  { features: names, embeddingDim }: { readonly features: readonly string[]; readonly embeddingDim: number },
  scope: Scope,
  outputs: number,
): { linear: Tensor; fields: Tensor[] } {
  const path = "model.features";
  const { categorical } = features.partition(names, path);
  const linear = firstOrder(features, names, path, scope.child("linear"), outputs);
  const fields = features.equalEmbeddings(categorical, path, embeddingDim);
  checkFields(fields, path);
  return { linear, fields };
}

/**
 * The embeddings, numbers and vectors of sequences of a group, to be concatenated to [B, total].
 * @param prefix begins the names of the group's own parameters, `<prefix>sequences.…` and `<prefix>dropout.…`
 */
export function groupParts(
  features: ModelFeatures,
  group: EmbeddedGroup,
  place: string,
  defaultDim: number,
  scope: Scope,
  prefix = "",
): Tensor[] {
  const path = `${place}.features`;
  const { categorical, numeric } = features.partition(group.features, path);
  const sequences = scope.child(`${prefix}sequences`);
  const parts = [
    ...features.embeddings(categorical, path, defaultDim, group.embeddingSuffix),
    ...numeric.map((name) => features.numbers([name], path)),
    ...encodedSequences(features, group, `${place}.sequences`, defaultDim, sequences),
  ];
  return dropped(scope.child(`${prefix}dropout`), parts, group);
}
