import { binRows, TABLE_HEAD, TIER_HEAD, tableRows, tierRows } from "../report/table-rows.js";
import type { TableReport } from "../train/table-metrics.js";
import type { TierReports } from "../train/tier-metrics.js";
import { fillLines } from "./fill-lines.js";
import { tables } from "./text-table.js";

/** The state of dynamic tables, and how long ago or how often their ids were used. */
export function dynamicTablesText(reports: Readonly<Record<string, TableReport>>): string {
  const known = Object.entries(reports).filter(([, { histogram }]) => histogram.length > 0);
  const histograms = known.map(histogramText);
  return ["Dynamic tables", tables(TABLE_HEAD, tableRows(reports, percent)), ...histograms].join("\n");
}

/** The traffic of tables larger than memory. */
export const tiersText = (tiers: TierReports): string =>
  `Tables larger than memory, in the last training process\n${tables(TIER_HEAD, tierRows(tiers, percent))}`;

function histogramText([name, { counts, histogram }]: [string, TableReport]): string {
  const head =
    counts === "age" ? `${name}, ids by steps since their last use:` : `${name}, ids by occurrences:`;
  const bins = binRows(histogram);
  const words = bins.map(([range, keys], i) => `${range}: ${keys}${i < bins.length - 1 ? ";" : ""}`);
  return fillLines(head, words, "  ").join("\n");
}

const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
