import { createHash } from "node:crypto";
import { ARRAY_OF, bytesOf, type WritableDtype } from "../checkpoint/dtypes.js";
import type { Checkpoint, Tensors } from "../checkpoint/index.js";
import { elementCount } from "../checkpoint/safetensors-header.js";

/** SHA-256 of the tensors of a checkpoint. */
export interface TensorHashes {
  readonly model: string;
  readonly optimizer: string;
}

/**
 * Equal for equal numbers, in whatever files they are: complete or as changes to other checkpoints, whole or in ranges. Rows
 * of dynamic tables are in the order of their keys, which does not depend on where the rows were in memory.
 * @throws CheckpointError if the checkpoint is damaged
 */
export async function hashTensors(checkpoint: Checkpoint): Promise<TensorHashes> {
  return {
    model: await hashOf(await checkpoint.openModel()),
    optimizer: await hashOf(await checkpoint.openOptimizer()),
  };
}

/** Of name, dtype, shape and bytes (little-endian) of each tensor, in the order of the names. */
async function hashOf(file: Tensors): Promise<string> {
  try {
    const hash = createHash("sha256");
    const tensors = [...file.tensors].sort(([a], [b]) => (a < b ? -1 : 1));
    for (const [name, { dtype, shape }] of tensors) {
      hash.update(`${JSON.stringify([name, dtype, shape])}\n`);
      const elements = elementCount(shape);
      const piece = new ARRAY_OF[dtype as WritableDtype](Math.max(1, Math.min(file.pieceOf(name), elements)));
      for (let from = 0; from < elements; from += piece.length) {
        const part = piece.subarray(0, elements - from);
        await file.readInto(name, part, from);
        hash.update(bytesOf(part));
      }
    }
    return hash.digest("hex");
  } finally {
    await file.close();
  }
}
