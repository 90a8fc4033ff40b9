import { quoteName, quoteText } from "../source/duckdb.js";
import { ROW_COLUMN } from "../source/row-numbers.js";
import type { TargetWire } from "../source/target-query.js";
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
export function leftOut({ keep, seed }: SampleNegatives, labels: readonly TargetWire[]): string {
  const row = `CAST(${quoteName(ROW_COLUMN)} AS VARCHAR)`;
  return `${negative(labels)} AND ${unitOf(`${quoteText(`sample:${seed}:`)} || ${row}`)} >= ${keep}`;
}

const NO_WEIGHT: TargetWire = { sql: "CAST(1 AS DOUBLE)", number: "CAST(1 AS DOUBLE)", reads: "number" };

/** The weight of a row of the training split. A weight that no row can have stays as it is written. */
export function sampledWeight(
  { keep }: SampleNegatives,
  labels: readonly TargetWire[],
  { sql, number, reads }: TargetWire = NO_WEIGHT,
  trainPredicate = "true",
): TargetWire {
  const divided = `(${trainPredicate}\n) AND ${negative(labels)} AND isfinite(${number}) AND ${number} >= 0`;
  const raised = `${number} / ${keep}`;
  const written = reads === "number" ? raised : `CAST(${raised} AS VARCHAR)`;
  const orElse = (raisedSql: string, other: string) =>
    `CASE WHEN ${divided} THEN ${raisedSql} ELSE ${other} END`;
  return { sql: orElse(written, sql), number: orElse(raised, number), reads };
}

function negative(labels: readonly TargetWire[]): string {
  return `coalesce(${labels.map(({ number }) => `(${number}) = 0`).join(" AND ")}, false)`;
}
