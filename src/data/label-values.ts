import { type FloatColumn, LABEL_COLUMN } from "../columns/columns.js";
import { type QuarantinedRow, refusedValues } from "./pack/quarantine.js";
import { quoteName } from "./source/duckdb.js";

/** The values of labels, for hints. */

/** Values that a hint lists. */
export const LISTED = 5;

/** The value of a label in every row; `undefined` if there are several, or no row. */
export function onlyValue(
  { data, offset, stride }: FloatColumn,
  label: number,
  rows: number,
): number | undefined {
  const first = data[offset + label];
  for (let r = 1; r < rows; r++) if (data[offset + label + r * stride] !== first) return undefined;
  return rows === 0 ? undefined : first;
}

/** SQL that numbers the values of a label from 0. */
export function numberedSql(label: string, values: readonly string[]): string {
  const name = quoteName(label);
  const ordered = [...new Set(values)].sort((a, b) => Number(a) - Number(b)).slice(0, LISTED);
  const cases = ordered.map((value, i) => `WHEN ${value} THEN ${i}`);
  return `SELECT * REPLACE (CASE CAST(${name} AS DOUBLE) ${cases.join(" ")} END AS ${name}) FROM source`;
}

/** What an error says about refused labels. */
export interface RefusedLabels {
  readonly got: string;
  readonly next: string;
}

/**
 * @param bad refused rows
 * @param accepted the value of all other labels; `undefined` if there are several, or they are not known
 */
export function refusedLabels(bad: readonly QuarantinedRow[], accepted: number | undefined): RefusedLabels {
  const first = bad.find(({ feature }) => feature?.startsWith(LABEL_COLUMN));
  const values = first ? refusedValues(bad, first.feature!) : [];
  if (values.length === 0) return { got: "", next: "" };
  const got = `; refused labels are ${values.slice(0, LISTED).join(", ")}${values.length > LISTED ? ", …" : ""}`;
  const areTwoClasses = accepted !== undefined && values.length === 1 && Number.isFinite(Number(values[0]));
  if (!areTwoClasses) return { got, next: "" };
  const sql = numberedSql(first!.columns![0], [String(accepted), ...values]);
  return { got, next: ` If these are the two classes, number them from 0 in sql: ${sql}.` };
}
