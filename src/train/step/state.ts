import type { GraphBuilder } from "../../graph/graph.js";
import type { Tensor } from "../../graph/tensor.js";
import { type ParameterAttrs, parameter } from "../../ops/sources.js";

/** The state `<weight>/average`: the moving average of a weight. Starts equal to the weight. */
export const AVERAGE = "average";

/** The other states are momentums and averages, which have both signs. */
const STATES_OF_SQUARES = ["v", "sum", "square", "delta"];

/** True for a parameter that is a mean or a sum of squares: such a state, or the running variance of a batch normalization. */
export function isOfSquares(parameter: string): boolean {
  return STATES_OF_SQUARES.includes(parameter.split("/")[1]) || parameter.endsWith("running_variance");
}

/** A parameter `<weight>/<name>` for an optimizer state of a weight. */
export function stateOf(
  builder: GraphBuilder,
  weight: ParameterAttrs,
  name: string,
  shape: readonly number[],
  initial = 0,
): Tensor {
  return builder.apply(parameter, [], {
    name: `${weight.name}/${name}`,
    shape,
    role: "state",
    init: { kind: "constant", value: initial },
    trainable: false,
    ...(weight.translation && { translation: weight.translation }),
    ...(weight.byKey && { byKey: true }),
  })[0];
}
