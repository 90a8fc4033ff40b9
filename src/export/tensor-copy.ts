import { ARRAY_OF, isWritable } from "../checkpoint/dtypes.js";
import type { TensorSource, Tensors } from "../checkpoint/index.js";
import { CheckpointError } from "../errors.js";

/**
 * A tensor of a file for another file, read in pieces while that is written.
 * @throws CheckpointError if it has a type that no model of Pairloom has
 */
export function copyOf(name: string, tensors: Tensors): TensorSource {
  const { dtype, shape } = tensors.tensors.get(name)!;
  if (isWritable(dtype)) return { dtype, shape, data: (from, into) => tensors.readInto(name, into, from) };
  throw new CheckpointError({
    what: "a tensor has an element type that cannot be exported",
    where: name,
    got: dtype,
    expected: Object.keys(ARRAY_OF).join(", "),
    next: "Export a checkpoint that Pairloom has written.",
  });
}
