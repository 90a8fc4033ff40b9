import { count } from "../show-value.js";
import type { TableReport } from "../train/table-metrics.js";
import { fillLines } from "./fill-lines.js";
import { tables } from "./text-table.js";

/** The state of dynamic tables, and how long ago or how often their ids were used. */
export function dynamicTablesText(reports: Readonly<Record<string, TableReport>>): string {
  const rows = Object.entries(reports).map(([name, table]) => [
    name,
    count(table.size),
    percent(table.size, table.capacity),
    count(table.admitted),
    count(table.evicted),
    count(table.rejected),
    percent(table.hits, table.lookups),
  ]);
  const head = ["table", "ids", "load", "admitted", "evicted", "occurrences rejected", "hit rate"];
  const histograms = Object.entries(reports).map(histogramText);
  return ["Dynamic tables", tables(head, rows), ...histograms].join("\n");
}

function histogramText([name, { counts, histogram }]: [string, TableReport]): string {
  const head =
    counts === "age" ? `${name}, ids by steps since their last use:` : `${name}, ids by occurrences:`;
  const bins = histogram.filter(({ keys }) => keys > 0);
  const words = bins.map(({ from, to, keys }, i) => {
    const range = to - from === 1 ? count(from) : `${count(from)} to ${count(to - 1)}`;
    return `${range}: ${count(keys)}${i < bins.length - 1 ? ";" : ""}`;
  });
  return fillLines(head, words, "  ").join("\n");
}

function percent(part: number, whole: number): string {
  return whole === 0 ? "" : `${((100 * part) / whole).toFixed(1)} %`;
}
