import type { Tensors } from "../checkpoint/tensors.js";
import { type Parameter, refusePoisoned, setNumbers } from "./parameter-memory.js";
import { ownColumns, ownRow } from "./shards.js";

/**
 * Copies rows, given as pairs (row in this table, row in the checkpoint), in file order, a few MiB at a time. Those of other
 * ranks are left out.
 */
export async function copyRows(
  pairs: [number, number][],
  parameter: Parameter,
  file: Tensors,
  there: string,
): Promise<void> {
  const { memory, attrs } = parameter;
  const [begin, end] = ownColumns(parameter);
  const own = pairs.map(([row, there]): [number, number] => [ownRow(parameter, row), there]);
  const [rows, dim = 1] = file.tensors.get(there)!.shape;
  const rowsOfPiece = Math.max(1, Math.floor(file.pieceOf(there) / dim));
  const inOrder = own.filter(([row]) => row >= 0).sort(([, a], [, b]) => a - b);
  for (let i = 0; i < inOrder.length; ) {
    const first = inOrder[i][1];
    const piece = new Float32Array(Math.min(rowsOfPiece, rows - first) * dim);
    await file.readInto(there, piece, first * dim);
    refusePoisoned(piece, "fp32", { ...attrs, name: there });
    for (; i < inOrder.length && inOrder[i][1] < first + rowsOfPiece; i++) {
      const [row, from] = [inOrder[i][0], inOrder[i][1] - first];
      setNumbers(memory, piece.subarray(from * dim + begin, from * dim + end), row * (end - begin));
    }
  }
}
