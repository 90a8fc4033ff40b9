import { columnsOf, type Tensor } from "../graph/tensor.js";
import type { IdPart } from "../graph/translation.js";
import { add, broadcastColumns, multiply } from "../ops/arithmetic.js";
import { concat } from "../ops/concat.js";
import { entryWeights } from "../ops/entry-weights.js";
import { segmentSum } from "../ops/segment-sum.js";
import { type CategoricalFeature, type Composition, embed, embedSequence } from "./embedding-layer.js";
import type { Scope } from "./scope.js";

/**
 * The parts of ids below `ids`. A pair of them belongs to one id, and both tables together are as small as possible: about
 * 2 sqrt(ids) rows.
 */
export function partsOf(ids: number): { readonly quotient: IdPart; readonly remainder: IdPart } {
  const by = Math.ceil(Math.sqrt(ids));
  return {
    quotient: { kind: "quotient", by, rows: Math.ceil(ids / by) },
    remainder: { kind: "remainder", by, rows: by },
  };
}

/** The translation from the ids of a table to those parts. */
export const partName = (table: string, part: IdPart["kind"]) => `${table}/${part}`;

/** The table of a part, by the translation of the part; undefined for the translation of a whole table. */
export const tableOfPart = (translation: string): string | undefined =>
  /^(.+)\/(?:quotient|remainder)$/.exec(translation)?.[1];

/** The embeddings of a feature's ids, from one table or from two: [B] -> [B, dim]. */
export function embedFeature(scope: Scope, ids: Tensor, feature: CategoricalFeature, dim: number): Tensor {
  const { composition } = feature;
  return composition
    ? composedEmbedding(scope, ids, { ...feature, composition }, dim)
    : embed(scope, ids, feature, dim);
}

/**
 * Compositional embeddings (Shi et al., "Compositional embeddings using complementary partitions for memory-efficient
 * recommendation systems", 2020, the quotient-remainder trick): every id has a vector of its own, made of one of each of two
 * small tables: [B] -> [B, dim]. Parameters `<table>.quotient.weight` and `<table>.remainder.weight`.
 */
function composedEmbedding(
  scope: Scope,
  ids: Tensor,
  feature: CategoricalFeature & { readonly composition: Composition },
  dim: number,
): Tensor {
  // A first-order weight is one number, which has no halves.
  const composition = feature.composition === "concat" && dim === 1 ? "add" : feature.composition;
  const { quotient, remainder } = partsOf(feature.rows);
  const half = composition === "concat" ? Math.ceil(dim / 2) : dim;
  const parts: Parts = (embedPart) => {
    const of = ({ kind, rows }: IdPart, width: number, initializer = feature.initializer): Tensor => {
      const translation = { ids: feature.rows, name: partName(feature.table, kind) };
      const part = { ...feature, composition: undefined, table: kind, rows, translation, initializer };
      return embedPart(scope.child(feature.table), ids, part, width);
    };
    // A product starts as the first vector alone, with the spread that any other table starts with.
    const ones = composition === "multiply" ? ({ kind: "constant", value: 1 } as const) : undefined;
    return [of(quotient, half), of(remainder, composition === "concat" ? dim - half : dim, ones)];
  };
  if (composition === "concat") return scope.apply(concat, parts(embed), {})[0];
  if (composition === "add") return scope.apply(add, parts(embed), {})[0];
  if (feature.kind === "ids") return pooledProduct(scope, ids, parts(embedSequence), feature);
  return scope.apply(multiply, parts(embed), {})[0];
}

/** The two vectors of ids, looked up in one of the ways that there are. */
type Parts = (embedPart: typeof embed) => [quotient: Tensor, remainder: Tensor];

/** The products of each entry of a list [L, dim], by its weights and pooled: [B, dim]. */
function pooledProduct(
  { apply }: Scope,
  ids: Tensor,
  parts: [Tensor, Tensor],
  { pooling = "sum" }: CategoricalFeature,
): Tensor {
  const [products] = apply(multiply, parts, {});
  const [weights] = apply(broadcastColumns, apply(entryWeights, [ids], {}), { columns: columnsOf(products) });
  return apply(segmentSum, [apply(multiply, [products, weights], {})[0], ids], { pooling })[0];
}
