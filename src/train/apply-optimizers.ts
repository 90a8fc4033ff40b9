import { GraphError } from "../errors.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import type { Tensor } from "../graph/tensor.js";
import { adagrad, adam, sgd } from "../ops/optimizers.js";
import { type ParameterAttrs, parameter, scalar } from "../ops/sources.js";
import { tableAdagrad, tableAdam, tableRowWiseAdagrad, tableSgd } from "../ops/table-optimizers.js";
import type { Differentiated, ParameterGradient } from "../passes/autodiff.js";
import type { DenseOptimizer, EmbeddingOptimizer, L2, Optimizers } from "./optimizers.js";

/** The scalars that a training program is given at every step. */
export const LEARNING_RATES = { dense: "learning_rate.dense", embedding: "learning_rate.embedding" } as const;

/** Adds one update in place for every gradient. Optimizer state is a parameter `<weight>/<state>`. */
export function applyOptimizers({ graph, gradients }: Differentiated, optimizers: Optimizers, l2: L2): Graph {
  const builder = new GraphBuilder(graph);
  const rates = new Map<string, Tensor>();
  const rate = (name: string): Tensor => {
    const tensor = rates.get(name) ?? builder.apply(scalar, [], { name })[0];
    rates.set(name, tensor);
    return tensor;
  };
  for (const gradient of gradients) {
    if (gradient.dense && gradient.sparse.length > 0) throw usedTwoWays(gradient);
    if (gradient.dense)
      updateDense(builder, gradient, gradient.dense, rate(LEARNING_RATES.dense), optimizers.dense, l2);
    if (gradient.sparse.length > 0) {
      updateTable(builder, gradient, rate(LEARNING_RATES.embedding), optimizers.embedding, l2);
    }
  }
  return builder.finish();
}

/** Its rows would get two updates a step. */
function usedTwoWays({ attrs }: ParameterGradient): GraphError {
  return new GraphError({
    what: "a parameter is both looked up by ids and read whole",
    where: attrs.name,
    expected: "one of the two",
    next: "Use two parameters, or keep one of the uses out of training.",
  });
}

function updateDense(
  builder: GraphBuilder,
  { parameter: weight, attrs }: ParameterGradient,
  gradient: Tensor,
  rate: Tensor,
  optimizer: DenseOptimizer,
  { dense: l2 }: L2,
): void {
  const operands = [weight, gradient, rate];
  const state = (name: string, initial = 0): Tensor => stateOf(builder, attrs, name, attrs.shape, initial);
  switch (optimizer.kind) {
    case "sgd":
      builder.apply(sgd, operands, { l2 });
      break;
    case "adagrad":
      builder.apply(adagrad, [...operands, state("sum", optimizer.initialAccumulator)], {
        eps: optimizer.eps,
        l2,
      });
      break;
    case "adam":
    case "adamw": {
      const { beta1, beta2, eps } = optimizer;
      const weightDecay = optimizer.kind === "adamw" ? optimizer.weightDecay : 0;
      builder.apply(adam, [...operands, state("m"), state("v")], { beta1, beta2, eps, l2, weightDecay });
    }
  }
}

function updateTable(
  builder: GraphBuilder,
  { parameter: table, attrs, sparse }: ParameterGradient,
  rate: Tensor,
  optimizer: EmbeddingOptimizer,
  { embedding: l2, rows }: L2,
): void {
  const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
  const eager = optimizer.kind === "adam" && !optimizer.lazy;
  const common = {
    poolings: sparse.map(({ pooling }) => pooling),
    l2,
    everyRow: eager || (l2 > 0 && rows === "all"),
  };
  const state = (name: string, shape = attrs.shape, initial = 0): Tensor =>
    stateOf(builder, attrs, name, shape, initial);
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
      const sum = state("sum", [attrs.shape[0]], optimizer.initialAccumulator);
      builder.apply(tableRowWiseAdagrad, [table, rate, sum, ...pairs], { ...common, eps: optimizer.eps });
      break;
    }
    case "adam": {
      const { beta1, beta2, eps } = optimizer;
      builder.apply(tableAdam, [table, rate, state("m"), state("v"), ...pairs], {
        ...common,
        beta1,
        beta2,
        eps,
      });
    }
  }
}

function stateOf(
  builder: GraphBuilder,
  weight: ParameterAttrs,
  name: string,
  shape: readonly number[],
  initial: number,
): Tensor {
  return builder.apply(parameter, [], {
    name: `${weight.name}/${name}`,
    shape,
    role: "state",
    init: { kind: "constant", value: initial },
    trainable: false,
  })[0];
}
