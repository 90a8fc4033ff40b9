import type { Wire } from "../source/column-query.js";
import { quoteName, quoteText } from "../source/duckdb.js";
import { ROW_COLUMN } from "./row-numbers.js";
import { unitOf } from "./split-keys.js";

/**
 * Trains on a random part of the negative rows, those whose labels are all 0. A row is kept with the probability `keep`, by
 * its number, and gets the weight 1 / keep. So every weighted sum over the kept rows has the expectation of the same sum
 * over all rows, and predictions are calibrated for all rows (Horvitz & Thompson, 1952).
 */
export interface SampleNegatives {
  readonly keep: number;
  readonly seed: number;
}

/** SQL: true for the rows that are left out; they need the column {@link ROW_COLUMN}. */
export function leftOut({ keep, seed }: SampleNegatives, labels: readonly Wire[]): string {
  const row = `CAST(${quoteName(ROW_COLUMN)} AS VARCHAR)`;
  return `${negative(labels)} AND ${unitOf(`${quoteText(`sample:${seed}:`)} || ${row}`)} >= ${keep}`;
}

/** The weight of a row of the training split. */
export function sampledWeight(
  { keep }: SampleNegatives,
  labels: readonly Wire[],
  weight: Wire | undefined,
  trainPredicate = "true",
): Wire {
  const sql = weight?.sql ?? "CAST(1 AS DOUBLE)";
  const sampled = `(${trainPredicate}\n) AND ${negative(labels)}`;
  return { sql: `CASE WHEN ${sampled} THEN ${sql} / ${keep} ELSE ${sql} END`, reads: "number" };
}

function negative(labels: readonly Wire[]): string {
  return `coalesce(${labels.map(({ sql }) => `(${sql}) = 0`).join(" AND ")}, false)`;
}
