import { z } from "zod";
import { ConfigError } from "../errors.js";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { width } from "../layers/limits.js";
import type { Scope } from "../layers/scope.js";
import { dotAttention, type Sequence, targetAttention } from "../layers/target-attention.js";
import { ACTIVATIONS, type ActivationFn } from "../ops/activation.js";
import { constantRows } from "../ops/constant-rows.js";
import { segmentSum } from "../ops/segment-sum.js";
import type { ModelFeatures } from "./model.js";
import { embeddedGroup, featureGroup } from "./schema.js";

/** Columns of one sequence, whose embeddings are joined. */
const columns = featureGroup;
/** Features of the candidate, whose embeddings are joined in the order of the columns that they are compared with. */
const query = featureGroup;

const activations = Object.keys(ACTIVATIONS) as [ActivationFn, ...ActivationFn[]];

const encoder = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pooling"),
    columns,
    /** The sum or the mean of the entries. */
    pooling: z.enum(["sum", "mean"]).default("mean"),
  }),
  z.strictObject({ kind: z.literal("dotAttention"), query, columns }),
  z.strictObject({
    kind: z.literal("din"),
    query,
    columns,
    /** The MLP that scores an entry by the candidate, before its last layer of one unit. */
    mlp: z.strictObject({
      /** Output width of each layer. */
      hiddenUnits: z.array(width).min(1).max(1000),
      /** Activation of each layer. */
      activation: z.enum(activations).default("relu"),
    }),
  }),
]);

/** What a group takes from sequences: a vector of each encoder. */
export const sequences = z.array(encoder).min(1).optional();

/** A group of features with embeddings, and encoders of sequences that share its tables. */
export const sequenceGroup = { ...embeddedGroup, sequences };

type Encoder = z.output<typeof encoder>;

export interface SequenceGroup {
  readonly embeddingSuffix?: string;
  readonly sequences?: readonly Encoder[];
}

/** The vectors of a group's encoders, [B, total dim of its columns] each. Parameters `<i>.…`. */
export function encodedSequences(
  features: ModelFeatures,
  { sequences = [], embeddingSuffix }: SequenceGroup,
  path: string,
  defaultDim: number,
  scope: Scope,
): Tensor[] {
  return sequences.map((encoder, i) => {
    const place = `${path}[${i}]`;
    const sequence = features.sequence(encoder.columns, `${place}.columns`, defaultDim, embeddingSuffix);
    const own = scope.child(i);
    if (encoder.kind === "pooling")
      return own.apply(segmentSum, [sequence.entries, sequence.bag], { pooling: encoder.pooling })[0];
    const queries = features.embeddings(encoder.query, `${place}.query`, defaultDim, embeddingSuffix);
    const target = fitted(own, join(own, queries), sequence, `${place}.query`);
    if (encoder.kind === "dotAttention") return dotAttention(own, target, sequence);
    return targetAttention(own, target, sequence, { ...encoder.mlp, norm: "none", dropout: 0 });
  });
}

/** The query, with zeros up to the width of the entries, as in TorchEasyRec. */
function fitted(scope: Scope, query: Tensor, { entries }: Sequence, path: string): Tensor {
  const [dim, wanted] = [columnsOf(query), columnsOf(entries)];
  if (dim === wanted) return query;
  if (dim < wanted)
    return join(scope, [query, scope.apply(constantRows, [], { value: 0, dims: [wanted - dim] })[0]]);
  throw new ConfigError({
    what: "the query of a sequence is wider than its entries",
    where: path,
    got: `embeddings of ${dim} numbers in all`,
    expected: `at most ${wanted}, as the columns have`,
    next: "Compare each feature of the query with a column of the sequence, and give both the same dim.",
  });
}
