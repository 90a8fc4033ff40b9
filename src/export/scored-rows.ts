import type { ColumnSet } from "../columns/columns.js";
import { scoreSource } from "../run/score.js";
import { measuredSplit, splitPlace, splitSource } from "../run/sources.js";
import type { TrainedModel } from "../saved/model.js";

/** Rows of the data that a model is measured on, and its scores. */
export interface ScoredRows {
  readonly columns: ColumnSet;
  /** [rows, outputs] */
  readonly logits: Float32Array;
}

/** Rows that a comparison needs at most. */
const MOST_ROWS = 10_000;

/** The first rows of the test split, or of the validation split. @throws ConfigError if the config has neither */
export async function scoreFirstRows(model: TrainedModel): Promise<ScoredRows> {
  const { data } = model.config;
  const split = measuredSplit(data);
  const { source, split: rowsOfSplit } = splitSource(data, split);
  for await (const { columns, logits } of scoreSource(model, source, {
    where: splitPlace(data, split),
    split: rowsOfSplit,
  })) {
    const rows = Math.min(MOST_ROWS, columns.rows);
    return {
      columns: { ...columns, rows },
      logits: logits.subarray(0, (rows * logits.length) / columns.rows),
    };
  }
  return { columns: { rows: 0, columns: new Map() }, logits: new Float32Array() };
}

/** The largest absolute difference. */
export function largestDifference(a: Float32Array, b: Float32Array): number {
  return a.reduce((most, value, i) => Math.max(most, Math.abs(value - b[i])), 0);
}
