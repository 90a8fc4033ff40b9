import type { DynamicTranslation, KeysWithRows, TableStatistics } from "../backends/backend.js";
import { type EvictionRule, MISSING_KEY } from "../graph/translation.js";

/** The split of measurements of dynamic tables, in the logs of a run. */
export const TABLES = "tables";

/** What a report says of a dynamic table. */
export interface TableReport extends TableStatistics {
  /** Whether the missing value has a row, which no admission keeps from it. */
  readonly missing: boolean;
  /** What the histogram counts: keys by the steps since their last use, or by their occurrences. */
  readonly counts: "age" | "count";
  readonly histogram: readonly Bin[];
}

/** Keys whose age or count is from `from` to below `to`. */
export interface Bin {
  readonly from: number;
  readonly to: number;
  readonly keys: number;
}

/** The statistics of a table by the end of the last measurement. */
export type Before = ReadonlyMap<string, TableStatistics>;

/** The statistics of the tables, by name. */
export function statisticsOf(tables: ReadonlyMap<string, DynamicTranslation>): Map<string, TableStatistics> {
  return new Map([...tables].map(([name, table]) => [name, table.statistics()]));
}

/**
 * The values for the logs, such as `user.load`. Admitted, evicted and rejected are counts since the start of training; the hit
 * rate is that of the occurrences since the last measurement, and absent if there were none.
 */
export function tableValues(now: Before, before: Before): Record<string, number> {
  const values = [...now].flatMap(([name, table]) => {
    const lookups = table.lookups - (before.get(name)?.lookups ?? 0);
    const hits = table.hits - (before.get(name)?.hits ?? 0);
    const { size, admitted, evicted, rejected } = table;
    const shown = { size, load: size / table.capacity, admitted, evicted, rejected };
    return Object.entries({ ...shown, ...(lookups > 0 && { hitRate: hits / lookups }) }).map(
      ([value, number]) => [`${name}.${value}`, number] as const,
    );
  });
  return Object.fromEntries(values);
}

/** @param step of the next training step */
export function tableReport(
  table: DynamicTranslation,
  { kind, ...rule }: EvictionRule,
  step: number,
): TableReport {
  const isCounted = kind === "lfu" || kind === "lfuDecay";
  const halfLife = "halfLife" in rule ? rule.halfLife : undefined;
  const all = table.keys();
  return {
    ...table.statistics(),
    missing: all.keys.includes(MISSING_KEY),
    counts: isCounted ? "count" : "age",
    histogram: histogramOf(numbersOf(all, isCounted, step, halfLife)),
  };
}

/** Scores of lfuDecay have this factor. */
const LOG_UNIT = 2 ** 32;

/** The age of each key in steps, or its number of occurrences; with a half-life, those that still count. */
function numbersOf(
  { scores }: KeysWithRows,
  isCounted: boolean,
  step: number,
  halfLife?: number,
): Float64Array {
  if (!isCounted) return scores.map((lastUse) => step - 1 - lastUse);
  if (halfLife === undefined) return scores;
  return scores.map((score) => 2 ** (score / LOG_UNIT - (step - 1) / halfLife));
}

/** 0 alone (with all below 1), then powers of two. */
function histogramOf(numbers: Float64Array): Bin[] {
  const keys: number[] = [];
  for (const number of numbers) {
    const bin = number < 1 ? 0 : 1 + Math.floor(Math.log2(number));
    keys[bin] = (keys[bin] ?? 0) + 1;
  }
  return Array.from(keys, (count = 0, bin) => ({
    from: bin === 0 ? 0 : 2 ** (bin - 1),
    to: 2 ** bin,
    keys: count,
  }));
}
