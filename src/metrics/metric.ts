import { PairloomError } from "../errors.js";

/** The scores or labels given to a metric cannot be measured (lengths differ, NaN, labels that are not 0 or 1). */
export class MetricError extends PairloomError {}

/**
 * A metric is a number, or it is undefined for these rows and says why.
 * Callers print the reason; they never put a neutral number such as 0.5 in its place.
 */
export type MetricResult = { defined: true; value: number } | { defined: false; reason: string };

export const defined = (value: number): MetricResult => ({ defined: true, value });
export const undefinedBecause = (reason: string): MetricResult => ({ defined: false, reason });

/** Which way a metric improves. */
export type Direction = "max" | "min";

/** Metrics that can choose a best checkpoint, stop training or lower the learning rate, and how each improves. */
export const METRIC_DIRECTIONS = {
  auc: "max",
  logLoss: "min",
  normalizedEntropy: "min",
  accuracy: "max",
  meanAbsoluteError: "min",
  meanSquaredError: "min",
  xauc: "max",
  weightedAuc: "max",
  pairwiseAuc: "max",
  groupedAuc: "max",
} as const satisfies Record<string, Direction>;

export type MonitoredMetric = keyof typeof METRIC_DIRECTIONS;
export const MONITORED_METRICS = Object.keys(METRIC_DIRECTIONS) as [MonitoredMetric, ...MonitoredMetric[]];

/** A monitored metric; of one of several labels, `<label>.<metric>`. */
export type WatchedMetric = MonitoredMetric | `${string}.${MonitoredMetric}`;

/** What `<label>.<metric>` names; without a label, the metric of the first. */
export function partsOf(metric: WatchedMetric): { label?: string; metric: MonitoredMetric } {
  const dot = metric.lastIndexOf(".");
  const name = metric.slice(dot + 1) as MonitoredMetric;
  return dot < 0 ? { metric: name } : { label: metric.slice(0, dot), metric: name };
}

export const directionOf = (metric: WatchedMetric): Direction => METRIC_DIRECTIONS[partsOf(metric).metric];

/** True when `value` beats `best` by more than `minDelta`; anything beats no best, and NaN beats nothing. */
export function isBetter(value: number, best: number | null, direction: Direction, minDelta = 0): boolean {
  if (Number.isNaN(value)) return false;
  if (best === null) return true;
  return direction === "max" ? value > best + minDelta : value < best - minDelta;
}

/** A metric for people: its value with `digits` decimals, or `undefined (reason)`. */
export function formatMetric(result: MetricResult, digits = 5): string {
  return result.defined ? result.value.toFixed(digits) : `undefined (${result.reason})`;
}
