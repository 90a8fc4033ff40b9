import type { CalibrationGroup, Histogram } from "./report-data.js";
import type { ScorePoints } from "./score-points.js";

const GROUPS = 10;
const BINS = 24;
/** The histogram shows the predictions between these quantiles; a few extreme ones would leave one bar of all others. */
const SHOWN = [0.005, 0.995];

/**
 * Rows in the order of their predictions, in ten groups of about equal weight. Rows of equal predictions are in one group, so
 * that the groups do not depend on the order of the rows; there may be fewer groups.
 */
export function calibrationGroups({ predicted, actual, weights }: ScorePoints): CalibrationGroup[] {
  const order = Uint32Array.from(predicted.keys()).sort((a, b) => predicted[a] - predicted[b]);
  const weightOf = (row: number) => weights?.[row] ?? 1;
  const total = order.reduce((sum, row) => sum + weightOf(row), 0);
  const groups: CalibrationGroup[] = [];
  let [rows, weight, sumPredicted, sumActual, before] = [0, 0, 0, 0, 0];
  order.forEach((row, i) => {
    rows++;
    weight += weightOf(row);
    sumPredicted += weightOf(row) * predicted[row];
    sumActual += weightOf(row) * actual[row];
    const isFull = before + weight >= ((groups.length + 1) * total) / GROUPS - total * 1e-9;
    const isLast = i + 1 === order.length;
    if (!isLast && (!isFull || predicted[order[i + 1]] === predicted[row])) return;
    if (weight > 0) groups.push({ rows, predicted: sumPredicted / weight, actual: sumActual / weight });
    before += weight;
    [rows, weight, sumPredicted, sumActual] = [0, 0, 0, 0];
  });
  return groups;
}

/** Rows, regardless of weight, by prediction, in bins of equal width. */
export function scoreHistogram({ predicted, actual, binary }: ScorePoints): Histogram {
  const sorted = predicted.slice().sort();
  const [from, to] = SHOWN.map((share) => sorted[Math.round(share * (sorted.length - 1))]);
  const width = (to - from) / BINS || 1;
  const count = to > from ? BINS : 1;
  const rows = new Array<number>(count).fill(0);
  const positives = new Array<number>(count).fill(0);
  predicted.forEach((value, row) => {
    const bin = Math.min(count - 1, Math.max(0, Math.floor((value - from) / width)));
    rows[bin]++;
    positives[bin] += actual[row];
  });
  const edges = Array.from({ length: count + 1 }, (_, i) => from + i * width);
  return { edges, rows, ...(binary && { positives }) };
}
