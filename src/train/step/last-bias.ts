import { type Graph, producers } from "../../graph/graph.js";
import type { Op } from "../../graph/op.js";
import type { Tensor } from "../../graph/tensor.js";
import { addBias } from "../../ops/add-bias.js";
import { add } from "../../ops/arithmetic.js";
import { linear } from "../../ops/linear.js";
import type { ParameterAttrs } from "../../ops/sources.js";

/** Operations that add a bias, with the position of that operand. */
const BIASES = new Map<Op, number>([
  [linear as Op, 2],
  [addBias as Op, 1],
]);

/**
 * The name of a bias that is added to a tensor [B, N] after everything else, so that it shifts the tensor by itself; in a sum,
 * the bias of the first term that has one. Undefined if there is none.
 */
export function lastBias(tensor: Tensor, graph: Graph): string | undefined {
  const made = producers(graph);
  const search = (sum: Tensor): string | undefined => {
    const { op, inputs } = made.get(sum)!;
    if (op === (add as Op)) return inputs.map(search).find((name) => name !== undefined);
    const bias = inputs[BIASES.get(op) ?? inputs.length];
    return bias && (made.get(bias)!.attrs as ParameterAttrs).name;
  };
  return search(tensor);
}
