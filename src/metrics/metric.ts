import { PairloomError } from "../errors.js";

/** The scores or labels of a metric are invalid (lengths differ, NaN, labels other than 0 and 1). */
export class MetricError extends PairloomError {}

/**
 * A number, or the reason why the metric is undefined for these rows. Callers print the reason; they never substitute a
 * neutral number such as 0.5.
 */
export type MetricResult = { defined: true; value: number } | { defined: false; reason: string };

export const defined = (value: number): MetricResult => ({ defined: true, value });
export const undefinedBecause = (reason: string): MetricResult => ({ defined: false, reason });

/** The direction in which a metric improves. */
export type Direction = "max" | "min";

/** True if `value` is better than `best` by more than `minDelta`. Any value is better than no best; NaN never is. */
export function isBetter(value: number, best: number | null, direction: Direction, minDelta = 0): boolean {
  if (Number.isNaN(value)) return false;
  if (best === null) return true;
  return direction === "max" ? value > best + minDelta : value < best - minDelta;
}

/** Formats a metric: its value with `digits` decimals, or `undefined (reason)`. */
export function formatMetric(result: MetricResult, digits = 5): string {
  return result.defined ? result.value.toFixed(digits) : `undefined (${result.reason})`;
}
