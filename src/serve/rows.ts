import { DataError } from "../errors.js";
import type { RawRow } from "../features/encoder.js";
import { closeNames, nearNames } from "../near-names.js";
import { showValue } from "../show-value.js";

/**
 * Refuses values that are not lists of rows, and rows without a column that the features read: a column omitted by
 * mistake would otherwise be scored as missing. Use `null` for a missing value.
 * @param name of the rows, for messages
 * @throws DataError naming the first such row
 */
export function checkRows(
  rows: unknown,
  columns: readonly string[],
  name: string,
): asserts rows is readonly RawRow[] {
  if (!Array.isArray(rows))
    throw new DataError({
      what: "the rows to score are not a list",
      where: name,
      got: showValue(rows),
      expected: "a list of objects, one per row, or an object with a list for each column",
      next: "Give a list of rows, also for one row.",
    });
  for (let i = 0; i < rows.length; i++) checkRow(rows[i], `${name}[${i}]`, columns);
}

function checkRow(row: unknown, where: string, columns: readonly string[]): void {
  if (typeof row !== "object" || row === null || Array.isArray(row))
    throw new DataError({
      what: "a row is not an object",
      where,
      got: showValue(row),
      expected: `an object with ${columns.slice(0, 5).join(", ")}${columns.length > 5 ? ", …" : ""}`,
      next: "Pass each row as an object with its columns as keys.",
    });
  for (const column of columns)
    if ((row as RawRow)[column] === undefined) throw withoutColumn(column, row as RawRow, where, columns);
}

function withoutColumn(missing: string, row: RawRow, where: string, columns: readonly string[]): DataError {
  const others = Object.keys(row).filter((key) => !columns.includes(key));
  const [near] = closeNames(missing, others);
  const absent = `Add it. If the value is missing, set ${missing}: null.`;
  return new DataError({
    what: `the column ${missing} is not in the row`,
    where,
    got: Object.keys(row).length === 0 ? "no columns" : nearNames(missing, Object.keys(row), 10).join(", "),
    expected: missing,
    next: near === undefined ? absent : `Is "${near}" meant to be "${missing}"? ${absent}`,
  });
}
