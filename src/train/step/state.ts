import type { GraphBuilder } from "../../graph/graph.js";
import type { Tensor } from "../../graph/tensor.js";
import { type ParameterAttrs, parameter } from "../../ops/sources.js";

/** The state `<weight>/average`: the moving average of a weight. Starts equal to the weight. */
export const AVERAGE = "average";

/** The parameter that a state belongs to. */
export const ownerOf = (state: string): string => state.slice(0, state.lastIndexOf("/"));

/**
 * A parameter `<weight>/<name>` for an optimizer state of a weight.
 * @param options `squares`: the states of the optimizer that are means or sums of squares
 */
export function stateOf(
  builder: GraphBuilder,
  weight: ParameterAttrs,
  name: string,
  shape: readonly number[],
  { initial = 0, squares = [] }: { initial?: number; squares?: readonly string[] } = {},
): Tensor {
  return builder.apply(parameter, [], {
    name: `${weight.name}/${name}`,
    shape,
    role: "state",
    init: { kind: "constant", value: initial },
    trainable: false,
    ...(squares.includes(name) && { nonnegative: true }),
    ...(weight.translation && { translation: weight.translation }),
    ...(weight.byKey && { byKey: true }),
  })[0];
}
