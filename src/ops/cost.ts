import type { Cost, CostRequest } from "../graph/op.js";

/* Helpers for `Op.cost`. */

export type CostRule = (request: CostRequest) => Cost;

/** Elements of a shape. */
export function sizeOf(shape: readonly number[]): number {
  return shape.reduce((product, dim) => product * dim, 1);
}

/** This many operations, with every operand read or written once. */
export function once(flops: number, shapes: CostRequest["shapes"]): Cost {
  return { flops, elements: shapes.map(sizeOf) };
}

/** Views and caller-bound memory cost nothing. */
export const FREE: CostRule = ({ shapes }) => ({ flops: 0, elements: shapes.map(() => 0) });

/** This many operations per element of the result. */
export function elementwise(flops: number): CostRule {
  return ({ shapes }) => once(flops * sizeOf(shapes[shapes.length - 1]), shapes);
}

/** This many operations per element of the first operand, which is reduced to something smaller. */
export function folding(flops: number): CostRule {
  return ({ shapes }) => once(flops * sizeOf(shapes[0]), shapes);
}

/** This many operations per element of the first operand; the operands at `mutated` are read and written. */
export function updating(flops: number, mutated: readonly number[]): CostRule {
  return ({ shapes }) => ({
    flops: flops * sizeOf(shapes[0]),
    elements: shapes.map((shape, i) => (mutated.includes(i) ? 2 : 1) * sizeOf(shape)),
  });
}
