import type { Initializer } from "../graph/initializer.js";
import { columnsOf, type TableDtype, type Tensor } from "../graph/tensor.js";
import { KEYS } from "../graph/translation.js";
import { concat } from "../ops/concat.js";
import { embedEntries } from "../ops/embed-entries.js";
import { embedding } from "../ops/embedding.js";
import { embeddingBag } from "../ops/embedding-bag.js";
import { reshape } from "../ops/reshape.js";
import { uniform } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/** How the vectors of the quotient and the remainder of an id become one, see composed-embedding.ts. */
export const COMPOSITIONS = ["add", "multiply", "concat"] as const;
export type Composition = (typeof COMPOSITIONS)[number];

/** The properties of a categorical feature that an embedding needs. */
export interface CategoricalFeature {
  readonly kind: "id" | "ids";
  /** Name of the table; features with the same name share it. */
  readonly table: string;
  /** Rows of the table. */
  readonly rows: number;
  readonly pooling?: "sum" | "mean";
  readonly initializer?: Initializer;
  /** `false`: the table keeps its initial values. */
  readonly trainable?: boolean;
  /** Number format of the table; default fp32. */
  readonly dtype?: TableDtype;
  /** Set if two small tables take the place of the table; `rows` is then the number of ids. */
  readonly composition?: Composition;
  /** Ids are below `ids`, and a translation (by default with the table's name) turns them into rows. Default: ids are rows. */
  readonly translation?: { readonly ids: number; readonly name?: string };
}

/** Initial values of a table: small, or with the spread of TorchRec's tables. */
function tableStart({ start }: Scope, rows: number): Initializer {
  return start === "torch" ? uniform(1 / Math.sqrt(rows)) : { kind: "normal", mean: 0, std: 0.01 };
}

/**
 * The embeddings of a feature's ids: [B] -> [B, dim], pooled for a bag of ids. Parameter
 * `<table>.weight` [rows, dim].
 */
export function embed(scope: Scope, ids: Tensor, feature: CategoricalFeature, dim: number): Tensor {
  const table = tableOf(scope, feature, dim);
  return feature.kind === "id"
    ? scope.apply(embedding, [table, ids], {})[0]
    : scope.apply(embeddingBag, [table, ids], { pooling: feature.pooling ?? "sum" })[0];
}

/** The embeddings of the entries of a sequence: a bag [B] -> [L, dim]. The parameter is that of {@link embed}. */
export function embedSequence(scope: Scope, ids: Tensor, feature: CategoricalFeature, dim: number): Tensor {
  return scope.apply(embedEntries, [tableOf(scope, feature, dim), ids], {})[0];
}

function tableOf(scope: Scope, feature: CategoricalFeature, dim: number): Tensor {
  return scope.child(feature.table).parameter("weight", {
    shape: [feature.rows, dim],
    init: feature.initializer ?? tableStart(scope, feature.rows),
    role: "table",
    trainable: feature.trainable,
    dtype: feature.dtype,
    translation: feature.translation && (feature.translation.name ?? feature.table),
    byKey: feature.translation?.ids === KEYS,
  });
}

/** n tensors [B, D] -> [B, n, D]. */
export function stack(scope: Scope, parts: readonly Tensor[]): Tensor {
  const fields = parts.map((part) => scope.apply(reshape, [part], { dims: [1, columnsOf(part)] })[0]);
  return fields.length === 1 ? fields[0] : scope.apply(concat, fields, {})[0];
}

/** Tensors [B, n1], [B, n2], … -> [B, n1 + n2 + …]. */
export function join(scope: Scope, parts: readonly Tensor[]): Tensor {
  return parts.length === 1 ? parts[0] : scope.apply(concat, parts, {})[0];
}
