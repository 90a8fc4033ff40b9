import { count } from "../show-value.js";
import type { TableReport } from "../train/table-metrics.js";

/** What the dynamic tables of a run say against their settings, in sentences. */
export function tableWarnings(tables: Readonly<Record<string, TableReport>>): string[] {
  return Object.entries(tables)
    .filter(([, { admitted, rejected, missing }]) => rejected > 0 && admitted === Number(missing))
    .map(
      ([name, { rejected }]) =>
        `No id got a row in the dynamic table ${name}: all ${count(rejected)} occurrences of ids read the vector of unknown ids. The admission lets nothing through: lower admit.count, raise admit.probability, or train on more rows.`,
    );
}
