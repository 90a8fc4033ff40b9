import { isWritable } from "../checkpoint/dtypes.js";
import type { TensorSource, Tensors } from "../checkpoint/index.js";

/** A tensor of a file for another file, read in pieces while that is written. */
export function copyOf(name: string, tensors: Tensors): TensorSource {
  const { dtype, shape } = tensors.tensors.get(name)!;
  if (!isWritable(dtype)) throw new RangeError(dtype);
  return { dtype, shape, data: (from, into) => tensors.readInto(name, into, from) };
}
