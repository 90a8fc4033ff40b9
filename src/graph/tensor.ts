import { GraphError } from "../errors.js";
import type { HalfDtype } from "../half.js";

/**
 * Element types. `fp32` is numbers, `id` one table row per batch row, `ids` a list of table rows per batch row; `id64`
 * and `ids64` are for tables with more than 2^31 rows. 16-bit numbers are only used in embedding tables.
 */
export type DType = "fp32" | IdDtype | BagDtype | HalfDtype;
export type IdDtype = "id" | "id64";
export type BagDtype = "ids" | "ids64";

/** Maximum rows of a table with 32-bit ids. */
export const NARROW_ROWS = 2 ** 31;

/** True if the dtype is one id per row. */
export function isId(dtype: DType): dtype is IdDtype {
  return dtype === "id" || dtype === "id64";
}

/** True if the dtype is a bag of ids per row. */
export function isBag(dtype: DType): dtype is BagDtype {
  return dtype === "ids" || dtype === "ids64";
}

/** The dtype for ids below `limit`. */
export function idsBelow<K extends "id" | "ids">(limit: number, kind: K): K | `${K}64` {
  return limit > NARROW_ROWS ? `${kind}64` : kind;
}

/** Storage formats of an embedding table. */
export type TableDtype = "fp32" | HalfDtype;

/**
 * A size: a number; `"B"`, the rows of the batch; or the entries of a sequence, those of all rows of the batch one after
 * the other. Only the first dimension can be one of the latter two.
 */
export type Dim = number | "B" | Entries;
export type Shape = readonly Dim[];

/** The entries of a sequence, by its name: `[L:history, D]` has as many lines for a row as its history is long. */
export type Entries = `L:${string}`;

export interface TensorType {
  readonly dtype: DType;
  readonly shape: Shape;
  /** Of a bag that is a column of a sequence: its ids are entries of this sequence. */
  readonly entries?: Entries;
}

/** A symbolic value of a graph. Identity is the object; `id` is only its printed name. */
export interface Tensor extends TensorType {
  readonly id: number;
}

/** An `fp32` type with the given shape. */
export function fp32(...shape: Dim[]): TensorType {
  return { dtype: "fp32", shape };
}

/**
 * True for a tensor with one line per row of the batch (`[B, …]`) or per entry of a sequence, false for one of fixed size
 * (a weight, a sum).
 */
export function isRow(type: TensorType): boolean {
  return typeof type.shape[0] === "string";
}

/** The sequence of a tensor with one line per entry; undefined for all others. */
export function entriesOf({ shape: [first] }: TensorType): Entries | undefined {
  return typeof first === "string" && first !== "B" ? first : undefined;
}

/** An `fp32` type with a line for each line of `rows`. */
export function rowsLike(rows: TensorType, ...dims: number[]): TensorType {
  return { dtype: "fp32", shape: [rows.shape[0], ...dims] };
}

/** The sizes without the dimension of rows or entries. */
export function innerDims(type: TensorType): number[] {
  return (isRow(type) ? type.shape.slice(1) : type.shape) as number[];
}

/** Elements per row of a row tensor; total elements of a fixed one. */
export function width(type: TensorType): number {
  return innerDims(type).reduce((product, dim) => product * dim, 1);
}

/** The size of a dimension other than the batch dimension. */
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
