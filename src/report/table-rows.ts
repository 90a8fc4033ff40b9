import { count } from "../show-value.js";
import type { Bin, TableReport } from "../train/table-metrics.js";
import type { TierReports } from "../train/tier-metrics.js";

/** The tables of a run that are dynamic, or larger than memory, as lines of a table: for the page and for the terminal. */

export const TABLE_HEAD = ["table", "ids", "load", "admitted", "evicted", "occurrences rejected", "hit rate"];

/** @param percent writes a share between 0 and 1 */
export function tableRows(
  tables: Readonly<Record<string, TableReport>>,
  percent: (share: number) => string,
): string[][] {
  const shareOf = sharesAs(percent);
  return Object.entries(tables).map(([name, each]) => [
    name,
    count(each.size),
    shareOf(each.size, each.capacity),
    count(each.admitted),
    count(each.evicted),
    count(each.rejected),
    shareOf(each.hits, each.lookups),
  ]);
}

export const TIER_HEAD = [
  "table",
  "rows",
  "in memory",
  "found in memory",
  "read ahead",
  "bytes read",
  "bytes written",
  "bytes on disk",
];

/** @param percent writes a share between 0 and 1 */
export function tierRows(tiers: TierReports, percent: (share: number) => string): string[][] {
  const shareOf = sharesAs(percent);
  return Object.entries(tiers).map(([name, each]) => [
    name,
    count(each.rows),
    count(each.frames),
    shareOf(each.hits, each.lookups),
    shareOf(each.prefetched, each.lookups),
    count(each.bytesRead),
    count(each.bytesWritten),
    count(each.allocated),
  ]);
}

/** Writes a part of a whole; nothing if there is no whole. */
const sharesAs = (percent: (share: number) => string) => (part: number, whole: number) =>
  whole === 0 ? "" : percent(part / whole);

/** The bins of a histogram that have keys: the ages or numbers of occurrences in words, and the keys. */
export const binRows = (histogram: readonly Bin[]): [string, string][] =>
  histogram
    .filter(({ keys }) => keys > 0)
    .map(({ from, to, keys }) => [
      to - from === 1 ? count(from) : `${count(from)} to ${count(to - 1)}`,
      count(keys),
    ]);
