import type { GraphBuilder } from "../../graph/graph.js";
import type { Op } from "../../graph/op.js";
import type { Tensor } from "../../graph/tensor.js";
import { streamOf } from "../../layers/scope.js";
import {
  tableAdadelta,
  tableLamb,
  tableLarsSgd,
  tablePartialRowWiseAdam,
  tablePartialRowWiseLamb,
  tableRmsprop,
} from "../../ops/table-adaptive-optimizers.js";
import { tableAdagrad, tableAdam, tableRowWiseAdagrad, tableSgd } from "../../ops/table-optimizers.js";
import type { ClippedGradient } from "./clip.js";
import type { EmbeddingOptimizer, L2 } from "./optimizers.js";
import { stateOf } from "./state.js";

/** Adds the update in place of an embedding table by the gradients of all its lookups. */
export function updateTable(
  builder: GraphBuilder,
  { parameter: table, attrs, sparse, bounds }: ClippedGradient,
  rate: Tensor,
  optimizer: EmbeddingOptimizer,
  { l2, rows }: { l2: number; rows: L2["rows"] },
): void {
  const { op, states, settings } = updateOf(optimizer);
  const factor = bounds?.factor ? [bounds.factor] : [];
  const pairs = [...factor, ...sparse.flatMap(({ ids, grad }) => [ids, grad])];
  const eager = "lazy" in optimizer && !optimizer.lazy;
  const memory = states.map(({ name, of, initial = 0 }) =>
    stateOf(builder, attrs, name, of === "rows" ? [attrs.shape[0]] : attrs.shape, initial),
  );
  builder.apply(op, [table, rate, ...memory, ...pairs], {
    ...settings,
    poolings: sparse.map(({ pooling }) => pooling),
    l2,
    everyRow: eager || (l2 > 0 && rows === "all"),
    limit: bounds?.limit,
    scaled: factor.length > 0,
    // Other draws than those of the initial values.
    stream: table.dtype === "fp32" ? undefined : streamOf(`${attrs.name}/rounding`),
  });
}

interface State {
  readonly name: string;
  /** A number for every weight of the table, or for every row. */
  readonly of: "weights" | "rows";
  readonly initial?: number;
}

interface Update {
  readonly op: Op;
  readonly states: readonly State[];
  readonly settings: Readonly<Record<string, number>>;
}

const weights = (name: string, initial?: number): State => ({ name, of: "weights", initial });
const perRow = (name: string, initial?: number): State => ({ name, of: "rows", initial });

function updateOf(optimizer: EmbeddingOptimizer): Update {
  switch (optimizer.kind) {
    case "sgd":
      return { op: tableSgd, states: [], settings: {} };
    case "adagrad": {
      const { eps, initialAccumulator } = optimizer;
      return { op: tableAdagrad, states: [weights("sum", initialAccumulator)], settings: { eps } };
    }
    case "rowWiseAdagrad": {
      const { eps, initialAccumulator } = optimizer;
      return { op: tableRowWiseAdagrad, states: [perRow("sum", initialAccumulator)], settings: { eps } };
    }
    case "adam":
    case "partialRowWiseAdam": {
      const { beta1, beta2, eps } = optimizer;
      const settings = { beta1, beta2, eps };
      return optimizer.kind === "adam"
        ? { op: tableAdam, states: [weights("m"), weights("v")], settings }
        : { op: tablePartialRowWiseAdam, states: [weights("m"), perRow("v")], settings };
    }
    case "lamb":
    case "partialRowWiseLamb": {
      const { beta1, beta2, eps, weightDecay } = optimizer;
      const settings = { beta1, beta2, eps, weightDecay };
      return optimizer.kind === "lamb"
        ? { op: tableLamb, states: [weights("m"), weights("v")], settings }
        : { op: tablePartialRowWiseLamb, states: [weights("m"), perRow("v")], settings };
    }
    case "larsSgd": {
      const { momentum, eta, weightDecay } = optimizer;
      return { op: tableLarsSgd, states: [weights("m")], settings: { momentum, eta, weightDecay } };
    }
    case "rmsprop": {
      const { decay, eps } = optimizer;
      return { op: tableRmsprop, states: [weights("square")], settings: { decay, eps } };
    }
    case "adadelta": {
      const { decay, eps } = optimizer;
      return { op: tableAdadelta, states: [weights("square"), weights("delta")], settings: { decay, eps } };
    }
  }
}
