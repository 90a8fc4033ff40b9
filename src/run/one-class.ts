import { type FloatColumn, LABEL_COLUMN } from "../columns/columns.js";
import { LISTED, numberedSql, onlyValue } from "../data/label-values.js";
import type { PackedDataset } from "../data/pack/packed.js";
import { readQuarantine, refusedValues } from "../data/pack/quarantine.js";
import { DataError } from "../errors.js";
import { type LabelKind, labelNames } from "../features/targets.js";

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
    const feature = names.length === 1 ? LABEL_COLUMN : `${LABEL_COLUMN}.${name}`;
    const refused = refusedValues(readQuarantine(train.quarantinePath), feature);
    throw oneClass(name, only, train.rows, refused);
  }
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
