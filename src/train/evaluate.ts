import type { Executable } from "../backends/backend.js";
import type { ColumnSet, FloatColumn, IdColumn } from "../data/columns.js";
import { DataError } from "../errors.js";
import { type Evaluation, evaluateBinary, evaluateClasses, evaluateRegression } from "../metrics/index.js";
import { classesOf, outputsOf, predictsNumbers } from "./loss.js";
import { LABEL_INPUT, LOGITS, WEIGHT_INPUT } from "./model-graphs.js";
import type { TrainConfig } from "./train-config.js";

/** Rows a step of inference, and steps a call: a call takes a fraction of a second, then progress is reported. */
export const INFERENCE_BATCH = 4096;
const ROWS_PER_CALL = 64 * INFERENCE_BATCH;

/** The model's logits [rows, outputs], in the order of the data. */
export async function predictLogits(
  executable: Executable,
  data: ColumnSet,
  outputs: number,
  onRows: (rows: number) => void = () => undefined,
): Promise<Float32Array> {
  const logits = new Float32Array(data.rows * outputs);
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
    logits.set(result.get(LOGITS)!, start * outputs);
    onRows(count);
  }
  return logits;
}

/** The settings of training that say what is measured. */
export type MetricSettings = Pick<TrainConfig, "loss" | "groups">;

/** What metrics are computed from. */
export interface Scored {
  /** [N, outputs] */
  readonly logits: Float32Array;
  /** [N] */
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
  /** Equal ids are one group; needed where the settings name groups. */
  readonly groups?: Int32Array;
}

/** Every metric of scored rows. @throws MetricError */
export function measure({ logits, labels, weights, groups }: Scored, settings: MetricSettings): Evaluation {
  const classes = classesOf(settings.loss);
  if (classes !== undefined) return evaluateClasses(logits, labels, classes, weights);
  if (predictsNumbers(settings.loss)) return evaluateRegression(logits, labels, weights);
  const grouped = groups && settings.groups && { of: groups, recallAt: settings.groups.recallAt };
  return evaluateBinary(logits, labels, weights, grouped);
}

/** Every metric of the model on a split. */
export async function evaluate(
  executable: Executable,
  data: ColumnSet,
  settings: MetricSettings,
  onRows?: (rows: number) => void,
): Promise<Evaluation> {
  const logits = await predictLogits(executable, data, outputsOf(settings.loss), onRows);
  const weights = data.columns.has(WEIGHT_INPUT) ? columnValues(data, WEIGHT_INPUT) : undefined;
  const groups = settings.groups && columnIds(data, settings.groups.by);
  return measure({ logits, labels: columnValues(data, LABEL_INPUT), weights, groups }, settings);
}

/** A column of one id a row, gathered. */
export function columnIds(data: ColumnSet, name: string): Int32Array {
  const column = data.columns.get(name);
  if (column?.kind !== "id") throw new DataError({ what: "the data has no such column of ids", where: name });
  const { data: ids, offset, stride }: IdColumn = column;
  return Int32Array.from({ length: data.rows }, (_, row) => ids[offset + row * stride]);
}

/** A column of one number a row, gathered. */
export function columnValues(data: ColumnSet, name: string): Float32Array {
  const column = data.columns.get(name) as FloatColumn | undefined;
  if (!column) throw new DataError({ what: "the data has no such column", where: name });
  const values = new Float32Array(data.rows);
  for (let row = 0; row < data.rows; row++) values[row] = column.data[column.offset + row * column.stride];
  return values;
}
