import { z } from "zod";
import type { GraphBuilder } from "../graph/graph.js";
import type { Tensor } from "../graph/tensor.js";
import { clipFactor, clipValue, scaleByNumber, sumSquares } from "../ops/clip.js";
import type { ParameterGradient } from "../passes/autodiff.js";

/** The `clip` section of a config: bounds the gradients of dense weights before the optimizer sees them. */
export const clipSchema = z
  .strictObject({
    /** The largest Euclidean norm of all dense gradients together; longer ones are scaled down to it. */
    norm: z.number().positive().optional(),
    /** The largest magnitude of an element; larger ones are cut off, before the norm is taken. */
    value: z.number().positive().optional(),
  })
  .refine(({ norm, value }) => norm !== undefined || value !== undefined, "give norm or value");

export type Clip = z.output<typeof clipSchema>;

/** The gradients with the dense ones bounded; those of tables as they are. */
export function clipGradients(
  builder: GraphBuilder,
  gradients: readonly ParameterGradient[],
  { norm, value }: Clip = {},
): readonly ParameterGradient[] {
  const bounded = value === undefined ? gradients : each(gradients, (g) => clipOne(builder, g, value));
  if (norm === undefined) return bounded;
  const squares = bounded.flatMap(({ dense }) => (dense ? builder.apply(sumSquares, [dense], {}) : []));
  if (squares.length === 0) return bounded;
  const [factor] = builder.apply(clipFactor, squares, { norm });
  return each(bounded, (g) => builder.apply(scaleByNumber, [g, factor], {})[0]);
}

const clipOne = (builder: GraphBuilder, gradient: Tensor, limit: number): Tensor =>
  builder.apply(clipValue, [gradient], { limit })[0];

function each(
  gradients: readonly ParameterGradient[],
  change: (dense: Tensor) => Tensor,
): readonly ParameterGradient[] {
  return gradients.map((gradient) =>
    gradient.dense ? { ...gradient, dense: change(gradient.dense) } : gradient,
  );
}
