import { GraphError } from "../errors.js";
import type { HalfDtype } from "../half.js";

/**
 * What a tensor holds: `fp32` numbers, `id` one table row a sample, `ids` a list of table rows a sample; `id64` and
 * `ids64` are those of tables of more rows than 31 bits count. 16-bit numbers are those of embedding tables.
 */
export type DType = "fp32" | IdDtype | BagDtype | HalfDtype;
export type IdDtype = "id" | "id64";
export type BagDtype = "ids" | "ids64";

/** Rows of a table whose ids take 32 bits. */
export const NARROW_ROWS = 2 ** 31;

/** Whether a dtype is one id a sample. */
export function isId(dtype: DType): dtype is IdDtype {
  return dtype === "id" || dtype === "id64";
}

/** Whether a dtype is any number of ids a sample. */
export function isBag(dtype: DType): dtype is BagDtype {
  return dtype === "ids" || dtype === "ids64";
}

/** The dtype of ids below `limit`. */
export function idsBelow<K extends "id" | "ids">(limit: number, kind: K): K | `${K}64` {
  return limit > NARROW_ROWS ? `${kind}64` : kind;
}

/** How an embedding table keeps its numbers. */
export type TableDtype = "fp32" | HalfDtype;

/** A size: known, or `"B"`, the rows of the batch. `"B"` only ever comes first. */
export type Dim = number | "B";
export type Shape = readonly Dim[];

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
}

/** A symbolic value of a graph. Identity is the object itself; `id` only names it in print. */
export interface Tensor extends TensorType {
  readonly id: number;
}

/** `fp32` of the given shape. */
export function fp32(...shape: Dim[]): TensorType {
  return { dtype: "fp32", shape };
}

/** True for a tensor with one entry a sample (`[B, …]`), false for one of fixed size (a weight, a sum). */
export function isRow(type: TensorType): boolean {
  return type.shape[0] === "B";
}

/** The sizes without the batch dimension. */
export function innerDims(type: TensorType): number[] {
  return (isRow(type) ? type.shape.slice(1) : type.shape) as number[];
}

/** Elements a row for a row tensor, in all for a fixed one. */
export function width(type: TensorType): number {
  return innerDims(type).reduce((product, dim) => product * dim, 1);
}

/** The size of a dimension other than the batch's. */
export function dimensionOf(type: TensorType, axis: number): number {
  const size = type.shape[axis];
  if (typeof size === "number") return size;
  throw new GraphError({
    what: `dimension ${axis} of the tensor has no fixed size`,
    where: "graph",
    got: formatType(type),
  });
}

/** N of [B, N], [B, N, D] or [M, N]. */
export function columnsOf(type: TensorType): number {
  return dimensionOf(type, 1);
}

export function formatType(type: TensorType): string {
  return `${type.dtype}[${type.shape.join(", ")}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dim, i) => dim === b[i]);
}
