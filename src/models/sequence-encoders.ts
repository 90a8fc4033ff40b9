import { z } from "zod";
import { ConfigError } from "../errors.js";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { endEntries } from "../layers/end-entries.js";
import { heads, width } from "../layers/limits.js";
import type { Scope } from "../layers/scope.js";
import { selfAttention } from "../layers/self-attention.js";
import { dotAttention, type Sequence, targetAttention, windowAttention } from "../layers/target-attention.js";
import { ACTIVATIONS, type ActivationFn } from "../ops/activation.js";
import { constantRows } from "../ops/constant-rows.js";
import { reshape } from "../ops/reshape.js";
import { segmentSum } from "../ops/segment-sum.js";
import type { ModelFeatures } from "./model.js";
import { embeddedGroup, featureGroup, tableSuffix } from "./schema.js";

/** Columns of one sequence, whose embeddings are joined. */
const columns = featureGroup;
/** A second sequence, whose entries follow those of `columns`. */
const joined = z
  .strictObject({
    /** Columns of the second sequence, in the order of those of the first. */
    columns,
    /** The feature of kind `joined` with the entries of both; its embedding is beside each entry. */
    by: z.string().min(1),
  })
  .optional();
/** Features of the candidate, whose embeddings are joined in the order of the columns that they are compared with. */
const query = featureGroup;

const activations = Object.keys(ACTIVATIONS) as [ActivationFn, ...ActivationFn[]];

/** The MLP that scores an entry by the candidate, before its last layer of one unit. */
const scoring = z.strictObject({
  /** Output width of each layer. */
  hiddenUnits: z.array(width).min(1).max(1000),
  /** Activation of each layer. */
  activation: z.enum(activations).default("relu"),
});

/** The end of a history from which entries are counted: `last` is the newest entry of one that has the oldest first. */
const from = z.enum(["first", "last"]);

const encoder = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("pooling"),
    columns,
    joined,
    /** The sum or the mean of the entries. */
    pooling: z.enum(["sum", "mean"]).default("mean"),
  }),
  z.strictObject({
    kind: z.literal("newest"),
    columns,
    joined,
    /** How many of the last entries are side by side, the newest first; zeros where a history has fewer. */
    count: z.int().positive().max(1000),
  }),
  z.strictObject({ kind: z.literal("dotAttention"), query, columns, joined }),
  z.strictObject({
    kind: z.literal("din"),
    query,
    columns,
    joined,
    /** The MLP that scores an entry by the candidate, before its last layer of one unit. */
    mlp: scoring,
  }),
  z.strictObject({
    kind: z.literal("multiWindowDin"),
    query,
    columns,
    joined,
    /** Entries in each window; the next begins where one ends. */
    windows: z.array(z.int().positive().max(1_000_000_000)).min(1).max(1000),
    /** The end of a history at which the first window begins. */
    from: from.default("last"),
    mlp: scoring,
  }),
  z
    .strictObject({
      kind: z.literal("selfAttention"),
      columns,
      joined,
      /** Width of the result, and of queries, keys and values. */
      dim: width,
      /** Parts of the width that attend by themselves; they divide it. */
      heads: heads.default(8),
      /** Adds sinusoids of the entries' places, counted from this end of a history. Without them, the order has no effect. */
      positions: from.optional(),
    })
    .superRefine(({ dim, heads }, context) => {
      if (dim % heads === 0) return;
      context.addIssue({
        code: "custom",
        path: ["dim"],
        message: `must be a multiple of the ${heads} heads`,
      });
    }),
]);

/** What a group takes from sequences. */
export const sequenceFields = {
  /** Encoders of sequences; each gives a vector. */
  sequences: z.array(encoder).min(1).optional(),
  /**
   * Gives queries and sequences their own tables, shared with groups of the same suffix; by default they use those of the group.
   * In TorchEasyRec these tables are always their own.
   */
  sequenceSuffix: tableSuffix.optional(),
};

/** A group of features with embeddings, and encoders of sequences that share its tables. */
export const sequenceGroup = { ...embeddedGroup, ...sequenceFields };

type Encoder = z.output<typeof encoder>;

export interface SequenceGroup {
  readonly embeddingSuffix?: string;
  readonly sequenceSuffix?: string;
  readonly sequences?: readonly Encoder[];
}

/** The vectors of a group's encoders, [B, dim of the encoder] each. Parameters `<i>.…`. */
export function encodedSequences(
  features: ModelFeatures,
  { sequences = [], embeddingSuffix, sequenceSuffix = embeddingSuffix }: SequenceGroup,
  path: string,
  defaultDim: number,
  scope: Scope,
): Tensor[] {
  return sequences.map((encoder, i) => {
    const place = `${path}[${i}]`;
    const { columns, joined } = encoder;
    const sequence = joined
      ? features.joined(columns, joined, place, defaultDim, sequenceSuffix)
      : features.sequence(columns, `${place}.columns`, defaultDim, sequenceSuffix);
    const own = scope.child(i);
    if (!("query" in encoder)) return encodedAlone(own, sequence, encoder);
    const queries = features.embeddings(encoder.query, `${place}.query`, defaultDim, sequenceSuffix);
    return compared(own, fitted(own, join(own, queries), sequence, `${place}.query`), sequence, encoder);
  });
}

type Comparing = Extract<Encoder, { query: unknown }>;

/** Encoders that read the entries alone. */
function encodedAlone(scope: Scope, sequence: Sequence, encoder: Exclude<Encoder, Comparing>): Tensor {
  if (encoder.kind === "selfAttention") return selfAttention(scope, sequence, encoder);
  if (encoder.kind === "newest") {
    const newest = endEntries(scope, sequence, { from: "last", count: encoder.count });
    const dims = [encoder.count * columnsOf(sequence.entries)];
    return scope.apply(reshape, [newest], { dims })[0];
  }
  return scope.apply(segmentSum, [sequence.entries, sequence.bag], { pooling: encoder.pooling })[0];
}

/** Encoders that compare the entries with the candidate. */
function compared(scope: Scope, query: Tensor, sequence: Sequence, encoder: Comparing): Tensor {
  if (encoder.kind === "dotAttention") return dotAttention(scope, query, sequence);
  const scoring = { ...encoder.mlp, norm: "none", dropout: 0 } as const;
  if (encoder.kind === "din") return targetAttention(scope, query, sequence, scoring);
  return windowAttention(scope, query, sequence, encoder, scoring);
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
