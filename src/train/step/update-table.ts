import type { GraphBuilder } from "../../graph/graph.js";
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
  const factor = bounds?.factor ? [bounds.factor] : [];
  const pairs = [...factor, ...sparse.flatMap(({ ids, grad }) => [ids, grad])];
  const eager = "lazy" in optimizer && !optimizer.lazy;
  const common = {
    poolings: sparse.map(({ pooling }) => pooling),
    l2,
    everyRow: eager || (l2 > 0 && rows === "all"),
    limit: bounds?.limit,
    scaled: factor.length > 0,
    // Other draws than those of the initial values.
    stream: table.dtype === "f32" ? undefined : streamOf(`${attrs.name}/rounding`),
  };
  const state = (name: string, shape = attrs.shape, initial = 0): Tensor =>
    stateOf(builder, attrs, name, shape, initial);
  const perRow = [attrs.shape[0]];
  switch (optimizer.kind) {
    case "sgd":
      builder.apply(tableSgd, [table, rate, ...pairs], common);
      break;
    case "adagrad": {
      const sum = state("sum", attrs.shape, optimizer.initialAccumulator);
      builder.apply(tableAdagrad, [table, rate, sum, ...pairs], { ...common, eps: optimizer.eps });
      break;
    }
    case "rowWiseAdagrad": {
      const sum = state("sum", perRow, optimizer.initialAccumulator);
      builder.apply(tableRowWiseAdagrad, [table, rate, sum, ...pairs], { ...common, eps: optimizer.eps });
      break;
    }
    case "adam": {
      const { beta1, beta2, eps } = optimizer;
      const operands = [table, rate, state("m"), state("v"), ...pairs];
      builder.apply(tableAdam, operands, { ...common, beta1, beta2, eps });
      break;
    }
    case "partialRowWiseAdam": {
      const { beta1, beta2, eps } = optimizer;
      const operands = [table, rate, state("m"), state("v", perRow), ...pairs];
      builder.apply(tablePartialRowWiseAdam, operands, { ...common, beta1, beta2, eps });
      break;
    }
    case "lamb": {
      const { beta1, beta2, eps, weightDecay } = optimizer;
      const operands = [table, rate, state("m"), state("v"), ...pairs];
      builder.apply(tableLamb, operands, { ...common, beta1, beta2, eps, weightDecay });
      break;
    }
    case "partialRowWiseLamb": {
      const { beta1, beta2, eps, weightDecay } = optimizer;
      const operands = [table, rate, state("m"), state("v", perRow), ...pairs];
      builder.apply(tablePartialRowWiseLamb, operands, { ...common, beta1, beta2, eps, weightDecay });
      break;
    }
    case "larsSgd": {
      const { momentum, eta, weightDecay } = optimizer;
      const operands = [table, rate, state("m"), ...pairs];
      builder.apply(tableLarsSgd, operands, { ...common, momentum, eta, weightDecay });
      break;
    }
    case "rmsprop": {
      const { decay, eps } = optimizer;
      builder.apply(tableRmsprop, [table, rate, state("square"), ...pairs], { ...common, decay, eps });
      break;
    }
    case "adadelta": {
      const { decay, eps } = optimizer;
      const operands = [table, rate, state("square"), state("delta"), ...pairs];
      builder.apply(tableAdadelta, operands, { ...common, decay, eps });
    }
  }
}
