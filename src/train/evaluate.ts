import type { Executable } from "../backends/backend.js";
import type { ColumnSet, FloatColumn } from "../data/columns.js";
import { DataError } from "../errors.js";
import { type BinaryEvaluation, evaluateBinary } from "../metrics/index.js";
import { LABEL_INPUT, LOGITS, WEIGHT_INPUT } from "./model-graphs.js";

/** Rows a step of inference, and steps a call: a call takes a fraction of a second, then progress is reported. */
export const INFERENCE_BATCH = 4096;
const ROWS_PER_CALL = 64 * INFERENCE_BATCH;

/** The model's logits [rows], in the order of the data. */
export async function predictLogits(
  executable: Executable,
  data: ColumnSet,
  onRows: (rows: number) => void = () => undefined,
): Promise<Float32Array> {
  const logits = new Float32Array(data.rows);
  for (let start = 0; start < data.rows; start += ROWS_PER_CALL) {
    const count = Math.min(ROWS_PER_CALL, data.rows - start);
    const result = await executable.run({
      columns: data.columns,
      rows: data.rows,
      start,
      count,
      batch: Math.min(INFERENCE_BATCH, count),
      seed: 0,
      firstStep: 0,
      scalars: new Map(),
    });
    logits.set(result.get(LOGITS)!, start);
    onRows(count);
  }
  return logits;
}

/** Every metric of the model on a split. */
export async function evaluate(
  executable: Executable,
  data: ColumnSet,
  onRows?: (rows: number) => void,
): Promise<BinaryEvaluation> {
  const logits = await predictLogits(executable, data, onRows);
  const weights = data.columns.has(WEIGHT_INPUT) ? columnValues(data, WEIGHT_INPUT) : undefined;
  return evaluateBinary(logits, columnValues(data, LABEL_INPUT), weights);
}

/** A column of one number a row, gathered. */
export function columnValues(data: ColumnSet, name: string): Float32Array {
  const column = data.columns.get(name) as FloatColumn | undefined;
  if (!column) throw new DataError({ what: "the data has no such column", where: name });
  const values = new Float32Array(data.rows);
  for (let row = 0; row < data.rows; row++) values[row] = column.data[column.offset + row * column.stride];
  return values;
}
