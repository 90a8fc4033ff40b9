import { ConfigError } from "../../errors.js";
import type { GraphBuilder } from "../../graph/graph.js";
import type { Tensor } from "../../graph/tensor.js";
import { findKind } from "../../kinds.js";
import { streamOf } from "../../layers/scope.js";
import type { EmbeddingOptimizer as Descriptor } from "../../ops/embedding-optimizers/define.js";
import { EMBEDDING_OPTIMIZERS } from "../../ops/embedding-optimizers/index.js";
import type { ClippedGradient } from "./clip.js";
import { type EmbeddingOptimizer, type L2, settingsOf } from "./optimizers.js";
import { stateOf } from "./state.js";

/** Adds the in-place update of an embedding table from the gradients of all its lookups. */
export function updateTable(
  builder: GraphBuilder,
  { parameter: table, attrs, sparse, bounds }: ClippedGradient,
  rate: Tensor,
  optimizer: EmbeddingOptimizer,
  { l2, rows }: { l2: number; rows: L2["rows"] },
): void {
  const { op } = findKind<Descriptor>(EMBEDDING_OPTIMIZERS, optimizer.kind)!;
  const { lazy, initialAccumulator, settings } = settingsOf(optimizer);
  const states = Object.entries(op.states).map(([name, shape]) =>
    stateOf(builder, attrs, name, shape === "row" ? attrs.shape.slice(0, 1) : attrs.shape, {
      initial: initialAccumulator,
      squares: op.squares,
    }),
  );
  const everyRow = !lazy || (l2 > 0 && rows === "all");
  if (everyRow && attrs.byKey) throw updatesEveryRow(attrs.name, lazy);
  const factor = bounds?.factor ? [bounds.factor] : [];
  const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
  builder.apply(op, [table, rate, ...states, ...factor, ...pairs], {
    ...settings,
    poolings: sparse.map(({ pooling }) => pooling),
    l2,
    everyRow,
    limit: bounds?.limit,
    scaled: factor.length > 0,
    // Uses another stream than the initial values.
    stream: table.dtype === "fp32" ? undefined : streamOf(`${attrs.name}/rounding`),
  });
}

function updatesEveryRow(table: string, lazy: boolean): ConfigError {
  return new ConfigError({
    what: `an optimizer cannot update every row of ${table} in every step: it is dynamic, or has a store`,
    where: lazy ? "train.l2.rows" : "train.optimizer",
    got: lazy ? 'l2.rows "all"' : "lazy: false",
    expected: lazy ? 'l2.rows "touched"' : "lazy: true",
    next: "Update only the rows that a batch touches, or give the feature a fixed table (hash, buckets or vocabulary) without a store.",
  });
}
