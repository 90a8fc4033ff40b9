import { GraphError } from "../errors.js";
import { type Dim, formatType, isBag, isId, isRow, sameShape, type TensorType } from "../graph/tensor.js";

/** Throws the error of a shape rule unless `ok`. */
export function checkShapes(ok: boolean, op: string, expected: string, inputs: readonly TensorType[]): void {
  if (ok) return;
  throw new GraphError({
    what: "the operands do not fit the operation",
    where: op,
    got: inputs.map(formatType).join(", "),
    expected,
  });
}

/** True for fp32 [B, …] with the given number of dimensions (B included). */
export function isRows(type: TensorType, ndims: number): boolean {
  return type.dtype === "fp32" && isRow(type) && type.shape.length === ndims;
}

/** True for a fixed fp32 of the given shape; false for the shape of a row tensor. */
export function isFixed(type: TensorType | undefined, ...shape: Dim[]): boolean {
  return type?.dtype === "fp32" && !isRow(type) && sameShape(type.shape, shape);
}

/** True for an embedding table [R, D] of any storage format. */
export function isTable(type: TensorType): boolean {
  return !isId(type.dtype) && !isBag(type.dtype) && !isRow(type) && type.shape.length === 2;
}

/** True for a bag whose ids are the entries of a sequence. */
export function isSequenceBag({ dtype, entries }: TensorType): boolean {
  return isBag(dtype) && entries !== undefined;
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.dtype === b.dtype && sameShape(a.shape, b.shape);
}
