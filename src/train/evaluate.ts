import type { Executable } from "../backends/backend.js";
import {
  type ColumnSet,
  type FloatColumn,
  type IdColumn,
  LABEL_COLUMN,
  WEIGHT_COLUMN,
} from "../columns/columns.js";
import { DataError } from "../errors.js";
import { labelNames } from "../features/targets.js";
import { type Evaluation, evaluationOf } from "../metrics/index.js";
import { refuseInfinitePredictions } from "./diverged.js";
import { factsOf } from "./step/loss/index.js";
import { LOGITS } from "./step/model-graphs.js";
import type { TrainedSections } from "./step/model-spec.js";
import type { Task } from "./task.js";
import type { TrainConfig } from "./train-config.js";

/** Rows per inference step and steps per call. A call takes a fraction of a second, so progress is reported often. */
export const INFERENCE_BATCH = 4096;
const STEPS_PER_CALL = 64;

/** Rows per inference step: where tables have a store in memory, that has room for the rows of a batch of training. */
export const batchOfInference = (isStored: boolean, rowsPerStep: number): number =>
  isStored ? Math.min(rowsPerStep, INFERENCE_BATCH) : INFERENCE_BATCH;

/**
 * Computes the model's logits [rows, outputs], in data order.
 * @throws DivergedError naming a row whose logits are not finite
 */
export async function predictLogits(
  executable: Executable,
  data: ColumnSet,
  outputs: number,
  onRows: (rows: number) => void = () => undefined,
  batch = INFERENCE_BATCH,
): Promise<Float32Array> {
  const logits = new Float32Array(data.rows * outputs);
  for (let start = 0; start < data.rows; start += STEPS_PER_CALL * batch) {
    const count = Math.min(STEPS_PER_CALL * batch, data.rows - start);
    const result = await executable.run({
      columns: data.columns,
      rows: data.rows,
      start,
      count,
      batch: Math.min(batch, count),
      seed: 0,
      firstStep: 0,
      scalars: new Map(),
    });
    const part = result.get(LOGITS)!;
    refuseInfinitePredictions(part, outputs, start);
    logits.set(part, start * outputs);
    onRows(count);
  }
  return logits;
}

/** Metric settings. */
export interface MetricSettings extends Pick<TrainConfig, "groups"> {
  readonly task: Task;
  /** Label names. */
  readonly labels: readonly string[];
}

export function metricSettings({ data, train }: Omit<TrainedSections, "model">): MetricSettings {
  return { task: factsOf(train.loss).task, groups: train.groups, labels: labelNames(data.label) };
}

/** The inputs of metrics. */
export interface Scored {
  /** [N, outputs] */
  readonly logits: Float32Array;
  /** [N, labels] */
  readonly labels: Float32Array;
  readonly weights?: Float32Array;
  /** Rows with equal ids form a group; required if the settings use groups. */
  readonly groups?: Float64Array;
}

/**
 * Computes every metric of scored rows, for each label.
 * @throws MetricError
 */
export function measure(scored: Scored, settings: MetricSettings): Evaluation {
  const { task, labels: names } = settings;
  const { logits, labels, weights } = scored;
  const groups = settings.groups &&
    scored.groups && { of: scored.groups, recallAt: settings.groups.recallAt };
  const evaluations = names.map((name, k) => {
    const [z, y] = [logits, labels].map((values) => columnOf(values, k, names.length));
    return [name, task.evaluate({ logits: z, labels: y, weights, groups })] as const;
  });
  return evaluationOf(new Map(evaluations));
}

/**
 * Computes every metric of the model on a split.
 * @param batch rows per step of the executable
 */
export async function evaluate(
  executable: Executable,
  data: ColumnSet,
  settings: MetricSettings,
  onRows?: (rows: number) => void,
  batch = INFERENCE_BATCH,
): Promise<Evaluation> {
  const logits = await predictLogits(executable, data, settings.task.outputs(settings.labels), onRows, batch);
  const groups = settings.groups && columnIds(data, settings.groups.by);
  return measure({ logits, ...targetsOf(data), groups }, settings);
}

/** Gathers the labels, weights and groups. */
export type Targets = Pick<Scored, "labels" | "weights">;

export function targetsOf(data: ColumnSet): Targets {
  const weights = data.columns.has(WEIGHT_COLUMN) ? columnValues(data, WEIGHT_COLUMN) : undefined;
  return { labels: columnValues(data, LABEL_COLUMN), weights };
}

/**
 * Gathers a column with one id per row. Ids of 64 bits, which a float64 may not hold, are numbered.
 * @param numbers of the ids so far, for data in several parts
 */
export function columnIds(data: ColumnSet, name: string, numbers = new Map<bigint, number>()): Float64Array {
  const column = data.columns.get(name);
  if (column?.kind !== "id") throw new DataError({ what: "the data has no such column of ids", where: name });
  const { data: ids, offset, stride }: IdColumn = column;
  return Float64Array.from({ length: data.rows }, (_, row) => {
    const id = ids[offset + row * stride];
    if (typeof id === "number") return id;
    const number = numbers.get(id) ?? numbers.size;
    numbers.set(id, number);
    return number;
  });
}

/** Gathers a column of numbers, [rows, width]. */
export function columnValues(data: ColumnSet, name: string): Float32Array {
  const column = data.columns.get(name) as FloatColumn | undefined;
  if (!column) throw new DataError({ what: "the data has no such column", where: name });
  const { data: source, offset, stride, width } = column;
  const values = new Float32Array(data.rows * width);
  for (let row = 0; row < data.rows; row++)
    for (let i = 0; i < width; i++) values[row * width + i] = source[offset + row * stride + i];
  return values;
}

/** Column k of a row-major matrix [N, width]. */
export function columnOf(matrix: Float32Array, k: number, width: number): Float32Array {
  if (width === 1) return matrix;
  return Float32Array.from({ length: matrix.length / width }, (_, row) => matrix[row * width + k]);
}
