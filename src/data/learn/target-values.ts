import type { TargetRule } from "../../features/target-means.js";
import { draw, drawKey } from "../../random.js";

/** Training rows, one entry a row. */
export interface KeyedRows {
  /** The index of the key, or {@link NO_KEY}. */
  readonly keys: readonly number[];
  readonly labels: readonly number[];
  /** 0 for a row that is not counted. */
  readonly weights: readonly number[];
  /** Absent if the rows have no time. */
  readonly times?: readonly number[];
}

/** Stands for a row without a key, or with a key that has no mean. */
export const NO_KEY = -1;

/** Smoothed means of labels by key, of the rows that were added. */
class RunningMeans {
  private readonly sums: Float64Array;
  private readonly weights: Float64Array;

  constructor(
    keys: number,
    private readonly prior: number,
    private readonly smoothing: number,
  ) {
    this.sums = new Float64Array(keys);
    this.weights = new Float64Array(keys);
  }

  add({ keys, labels, weights }: KeyedRows, row: number): void {
    if (keys[row] === NO_KEY) return;
    this.sums[keys[row]] += weights[row] * labels[row];
    this.weights[keys[row]] += weights[row];
  }

  of(key: number): number {
    const weight = key === NO_KEY ? 0 : this.weights[key] + this.smoothing;
    return weight === 0 ? this.prior : (this.sums[key] + this.smoothing * this.prior) / weight;
  }
}

/** The weighted mean label of all rows; NaN if no row is counted. */
export function meanLabel({ labels, weights }: KeyedRows): number {
  let [sum, weight] = [0, 0];
  labels.forEach((label, row) => {
    sum += weights[row] * label;
    weight += weights[row];
  });
  return sum / weight;
}

/** The mean of each of `count` keys, from all rows. */
export function fullMeans(rows: KeyedRows, count: number, prior: number, smoothing: number): number[] {
  const means = new RunningMeans(count, prior, smoothing);
  rows.keys.forEach((_, row) => {
    means.add(rows, row);
  });
  return Array.from({ length: count }, (_, key) => means.of(key));
}

/**
 * The value of each training row: the mean of its key over other rows. No sum that it is computed from has seen the label
 * of the row, so that it cannot tell it.
 */
export function trainingMeans(rows: KeyedRows, count: number, prior: number, rule: TargetRule): Float64Array {
  const empty = () => new RunningMeans(count, prior, rule.smoothing);
  return rows.times ? earlierMeans(rows, rows.times, empty()) : outOfFoldMeans(rows, rule, empty);
}

/** Rows of other folds. The fold of a row is drawn by its number. */
function outOfFoldMeans(
  rows: KeyedRows,
  { folds, seed }: TargetRule,
  empty: () => RunningMeans,
): Float64Array {
  const key = drawKey(seed, 0, 0);
  const foldOf = Uint8Array.from(rows.keys, (_, row) => draw(key, row) % folds);
  const values = new Float64Array(foldOf.length);
  for (let fold = 0; fold < folds; fold++) {
    const others = empty();
    foldOf.forEach((own, row) => {
      if (own !== fold) others.add(rows, row);
    });
    foldOf.forEach((own, row) => {
      if (own === fold) values[row] = others.of(rows.keys[row]);
    });
  }
  return values;
}

/** Rows with an earlier time; those of the same time are not earlier. */
function earlierMeans(rows: KeyedRows, times: readonly number[], earlier: RunningMeans): Float64Array {
  const order = Float64Array.from(times.keys()).sort((a, b) => times[a] - times[b] || a - b);
  const values = new Float64Array(order.length);
  let next = 0;
  for (const row of order) {
    while (times[order[next]] < times[row]) earlier.add(rows, order[next++]);
    values[row] = earlier.of(rows.keys[row]);
  }
  return values;
}
