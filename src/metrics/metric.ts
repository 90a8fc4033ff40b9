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
