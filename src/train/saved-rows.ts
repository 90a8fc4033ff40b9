import type { ChangeConsumer, Memory, Rows } from "../backends/backend.js";
import type { TableContent } from "../checkpoint/write.js";

/** The rows of a table that a checkpoint gets, by their numbers in memory, and what it says about them. */
export interface SavedRows {
  readonly rows: Rows;
  readonly content: Omit<TableContent, "name" | "states">;
  /** States besides those of the optimizer. */
  readonly states?: readonly string[];
}

/** By parameter name. Of other tables a checkpoint gets all rows. */
export type RowsOfTables = ReadonlyMap<string, SavedRows>;

/** The rows of a table of fixed size that were updated since `clearChanges`. */
export function changedRows(memory: Memory, rows: number, consumer: ChangeConsumer): SavedRows {
  const keys = BigUint64Array.from(rowsChanged(memory, rows, consumer), BigInt);
  return { rows: keys, content: { rows, keys } };
}

/** Rows whose changes are read at once. */
const PIECE = 1 << 20;

/** In ascending order. */
function* rowsChanged(memory: Memory, rows: number, consumer: ChangeConsumer): Generator<number> {
  const piece = new Uint8Array(Math.min(PIECE, rows));
  for (let first = 0; first < rows; first += piece.length) {
    const part = piece.subarray(0, rows - first);
    memory.readChanges(first, part);
    for (let i = 0; i < part.length; i++) if ((part[i] >> consumer) & 1) yield first + i;
  }
}
