import { GraphError } from "../../errors.js";
import { type Graph, GraphBuilder } from "../../graph/graph.js";
import type { Tensor } from "../../graph/tensor.js";
import { findKind } from "../../kinds.js";
import { DENSE_OPTIMIZERS, type DenseOptimizer as Descriptor } from "../../ops/dense-optimizers.js";
import { movingAverage } from "../../ops/optimizers.js";
import { type ParameterAttrs, scalar } from "../../ops/sources.js";
import type { Differentiated, ParameterGradient } from "../../passes/autodiff.js";
import { type Clip, clipGradients } from "./clip.js";
import { OptimizerChoice } from "./optimizer-groups.js";
import { type DenseOptimizer, type L2, type Optimizers, settingsOf } from "./optimizers.js";
import { AVERAGE, stateOf } from "./state.js";
import { updateTable } from "./update-table.js";

export { LEARNING_RATES } from "./optimizer-groups.js";

export interface UpdateSettings {
  readonly optimizers: Optimizers;
  readonly l2: L2;
  readonly clip?: Clip;
  /** Keeps an exponential moving average of each dense weight: `average = decay average + (1 - decay) w`. */
  readonly average?: { readonly decay: number };
}

/** Adds one in-place update per gradient. Optimizer state is a parameter `<weight>/<state>`. */
export function applyOptimizers({ graph, gradients }: Differentiated, settings: UpdateSettings): Graph {
  const builder = new GraphBuilder(graph);
  const choice = new OptimizerChoice(settings.optimizers, settings.l2);
  const rates = new Map<string, Tensor>();
  const rate = (name: string): Tensor => {
    const tensor = rates.get(name) ?? builder.apply(scalar, [], { name })[0];
    rates.set(name, tensor);
    return tensor;
  };
  const clipped = clipGradients(builder, gradients, settings.clip);
  for (const gradient of clipped) {
    const { attrs, dense, sparse } = gradient;
    if (dense && sparse.length > 0) throw usedTwoWays(gradient);
    if (dense) {
      const { optimizer, l2, rate: name } = choice.dense(attrs.name);
      updateDense(builder, gradient, dense, rate(name), optimizer, l2);
      if (settings.average) keepAverage(builder, gradient, settings.average.decay);
    }
    if (sparse.length > 0) {
      const { optimizer, l2, rate: name } = choice.table(attrs.name);
      updateTable(builder, gradient, rate(name), optimizer, { l2, rows: settings.l2.rows });
    }
  }
  choice.checkAllUsed(gradients.map(({ attrs }) => attrs.name));
  return builder.finish();
}

/** Its rows would get two updates per step. */
function usedTwoWays({ attrs }: ParameterGradient): GraphError {
  return new GraphError({
    what: "a parameter is used both for lookups by id and as a whole",
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
  l2: number,
): void {
  const { op, states, squares, attributes } = findKind<Descriptor>(DENSE_OPTIMIZERS, optimizer.kind)!;
  const { initialAccumulator, settings } = settingsOf(optimizer);
  const start = { initial: initialAccumulator, squares };
  const kept = states.map((name) => stateOf(builder, attrs, name, attrs.shape, start));
  builder.apply(op, [weight, gradient, rate, ...kept], { ...attributes, ...settings, l2 });
}

function keepAverage(
  builder: GraphBuilder,
  { parameter: weight, attrs }: { parameter: Tensor; attrs: ParameterAttrs },
  decay: number,
): void {
  const average = stateOf(builder, attrs, AVERAGE, attrs.shape);
  builder.apply(movingAverage, [average, weight], { decay });
}
