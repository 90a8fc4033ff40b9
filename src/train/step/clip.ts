import { z } from "zod";
import type { GraphBuilder } from "../../graph/graph.js";
import type { Tensor } from "../../graph/tensor.js";
import { clipFactor, clipValue, scaleByNumber, sumSquares } from "../../ops/clip.js";
import { tableSumSquares } from "../../ops/table-clip.js";
import type { ParameterGradient } from "../../passes/autodiff.js";

const bounds = {
  /** Maximum Euclidean norm over all these gradients together; larger gradients are scaled down to it. */
  norm: z.number().positive().optional(),
  /** Maximum magnitude of an element; larger elements are clipped, before the norm is taken. */
  value: z.number().positive().optional(),
};

const isGiven = ({ norm, value }: Bounds) => norm !== undefined || value !== undefined;

const boundsSchema = z.strictObject(bounds).refine(isGiven, "give norm or value");

/** The `clip` section of a config: bounds gradients before the optimizers see them. */
export const clipSchema = z
  .strictObject({
    ...bounds,
    /**
     * Limits for the gradients of embedding tables, after duplicates are summed: separate limits, or "together" to use
     * those of dense weights with one norm over all. Default: none.
     */
    embedding: z.union([z.literal("together"), boundsSchema]).optional(),
  })
  .refine((clip) => isGiven(clip) || typeof clip.embedding === "object", "give norm or value");

interface Bounds {
  readonly norm?: number;
  readonly value?: number;
}

export type Clip = z.output<typeof clipSchema>;

/** A gradient whose dense part is already clipped. The table part is clipped when the table is updated. */
export interface ClippedGradient extends ParameterGradient {
  readonly bounds?: TableBounds;
}

/** Limits for the summed gradient of a row: elements are clipped to ±limit, then multiplied by factor [1]. */
export interface TableBounds {
  readonly limit?: number;
  readonly factor?: Tensor;
}

/** Returns clipped gradients of dense weights, and gradients of tables with their limits. */
export function clipGradients(
  builder: GraphBuilder,
  gradients: readonly ParameterGradient[],
  { embedding, ...dense }: Clip = {},
): readonly ClippedGradient[] {
  const isTable = ({ sparse }: ParameterGradient) => sparse.length > 0;
  if (embedding === "together") return clipTogether(builder, gradients, dense);
  const tables = gradients.filter(isTable);
  const others = gradients.filter((gradient) => !isTable(gradient));
  const clipped = [
    ...clipTogether(builder, others, dense),
    ...(embedding ? clipTogether(builder, tables, embedding) : tables),
  ];
  const byName = new Map(clipped.map((gradient) => [gradient.attrs.name, gradient]));
  return gradients.map(({ attrs }) => byName.get(attrs.name)!);
}

/** One norm over all of `gradients`. */
function clipTogether(
  builder: GraphBuilder,
  gradients: readonly ParameterGradient[],
  { norm, value: limit }: Bounds,
): readonly ClippedGradient[] {
  const cut = gradients.map((gradient): ClippedGradient => {
    const { dense } = gradient;
    if (limit === undefined) return gradient;
    return {
      ...gradient,
      dense: dense && builder.apply(clipValue, [dense], { limit })[0],
      bounds: { limit },
    };
  });
  if (norm === undefined || cut.length === 0) return cut;
  const squares = cut.map((gradient) => squaresOf(builder, gradient, limit));
  const [factor] = builder.apply(clipFactor, squares, { norm });
  return cut.map(({ dense, ...rest }) => {
    const scaled = dense && builder.apply(scaleByNumber, [dense, factor], {})[0];
    return { ...rest, dense: scaled, bounds: { limit, factor } };
  });
}

function squaresOf(builder: GraphBuilder, gradient: ParameterGradient, limit?: number): Tensor {
  const { dense, sparse, parameter } = gradient;
  if (dense) return builder.apply(sumSquares, [dense], {})[0];
  const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
  const poolings = sparse.map(({ pooling }) => pooling);
  return builder.apply(tableSumSquares, [parameter, ...pairs], { poolings, limit })[0];
}
