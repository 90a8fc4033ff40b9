import type { Executable, RunResult } from "../backends/backend.js";
import type { ColumnSet } from "../columns/columns.js";
import { refuseInfinitePredictions } from "../train/diverged.js";
import { LOGITS } from "../train/step/model-graphs.js";

/** Rows per pass through the model; larger inputs are scored in pieces. */
export const MAX_BATCH = 1024;
const NO_SCALARS: ReadonlyMap<string, Float32Array> = new Map();

/**
 * Logits [rows, outputs], on the calling thread.
 * @throws ExecutionError naming the first row whose prediction is not a finite number
 */
export function logitsOf(
  executable: Executable,
  { rows, columns }: ColumnSet,
  outputs: number,
): Float32Array {
  const logits = new Float32Array(rows * outputs);
  for (const [start, results] of outputsOfPieces(executable, { rows, columns })) {
    const part = results.get(LOGITS)!;
    refuseInfinitePredictions(part, outputs, start);
    logits.set(part, start * outputs);
  }
  return logits;
}

/** All outputs for the only row of the columns. */
export function outputsOfRow(executable: Executable, { columns }: ColumnSet): RunResult {
  return run(executable, { rows: 1, columns, start: 0, count: 1 });
}

/** The outputs of pieces of the rows, and where each begins. */
export function* outputsOfPieces(
  executable: Executable,
  { rows, columns }: ColumnSet,
): Generator<readonly [start: number, RunResult]> {
  for (let start = 0; start < rows; start += MAX_BATCH)
    yield [start, run(executable, { rows, columns, start, count: Math.min(MAX_BATCH, rows - start) })];
}

function run(executable: Executable, part: ColumnSet & { start: number; count: number }): RunResult {
  return executable.runSync({ ...part, batch: part.count, seed: 0, firstStep: 0, scalars: NO_SCALARS });
}
