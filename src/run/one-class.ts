import { readFileSync } from "node:fs";
import { type FloatColumn, LABEL_COLUMN } from "../columns/columns.js";
import type { PackedDataset } from "../data/pack/packed.js";
import { DataError } from "../errors.js";
import { type LabelKind, labelNames } from "../features/targets.js";

/** Values of refused rows that an error lists. */
const LISTED = 5;

/**
 * Refuses a training split in which a label has only one class: every model of it would be a constant.
 * @throws DataError that names the values of refused rows, which may be the other class
 */
export function refuseOneClass(
  train: PackedDataset,
  label: string | readonly string[],
  kind: LabelKind,
): void {
  if (kind === "real") return;
  const names = labelNames(label);
  const column = train.columns.get(LABEL_COLUMN) as FloatColumn;
  for (const [k, name] of names.entries()) {
    const only = onlyValue(column, k, train.rows);
    if (only === undefined) continue;
    const refused = refusedValues(train, names.length === 1 ? LABEL_COLUMN : `${LABEL_COLUMN}.${name}`);
    throw oneClass(name, only, train.rows, refused);
  }
}

function onlyValue({ data, offset, stride }: FloatColumn, label: number, rows: number): number | undefined {
  const first = data[offset + label];
  for (let r = 1; r < rows; r++) if (data[offset + label + r * stride] !== first) return undefined;
  return first;
}

/** The distinct values of the label in quarantined rows. */
function refusedValues({ quarantinePath }: PackedDataset, feature: string): string[] {
  const lines = readFileSync(quarantinePath, "utf8").split("\n").filter(Boolean);
  const rows = lines.map((line) => JSON.parse(line) as { feature?: string; value: string | null });
  const values = rows.flatMap((row) => (row.feature === feature && row.value !== null ? [row.value] : []));
  return [...new Set(values)].sort();
}

function oneClass(label: string, only: number, rows: number, refused: readonly string[]): DataError {
  const others =
    refused.length === 0 ? "" : `; rows with ${refused.slice(0, LISTED).join(", ")} were refused`;
  return new DataError({
    what: "the training split has rows of one class only",
    where: "data.label",
    got: `${label} is ${only} in all ${rows} rows${others}`,
    expected: "rows of at least two classes",
    next:
      refused.length === 0
        ? "Check which rows the training split takes, and how the label is derived."
        : `Number the classes from 0 in sql: ${numberedSql(label, [String(only), ...refused])}.`,
  });
}

function numberedSql(label: string, values: readonly string[]): string {
  const name = `"${label.replaceAll('"', '""')}"`;
  const ordered = [...new Set(values)].sort((a, b) => Number(a) - Number(b)).slice(0, LISTED);
  const cases = ordered.map((value, i) => `WHEN ${value} THEN ${i}`);
  return `SELECT * REPLACE (CASE CAST(${name} AS DOUBLE) ${cases.join(" ")} END AS ${name}) FROM source`;
}
