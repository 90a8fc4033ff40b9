import { DataError } from "../errors.js";
import { type RawRow, valueIn } from "../features/encoder.js";
import { closeNames, nearNames } from "../near-names.js";
import { showValue } from "../show-value.js";

/**
 * Refuses values that are not lists of rows.
 * @param name of the rows, for messages
 * @throws DataError naming the first such row
 */
export function refuseOtherRows(
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
  const other = rows.findIndex((row) => typeof row !== "object" || row === null || Array.isArray(row));
  if (other < 0) return;
  refuseRowsWithout(rows.slice(0, other), columns, name);
  throw new DataError({
    what: "a row is not an object",
    where: `${name}[${other}]`,
    got: showValue(rows[other]),
    expected: `an object with ${columns.slice(0, 5).join(", ")}${columns.length > 5 ? ", …" : ""}`,
    next: "Pass each row as an object with its columns as keys.",
  });
}

/**
 * Refuses rows without a column that the features read: a column omitted by mistake would otherwise be scored as missing. Use
 * `null` for a missing value.
 * @throws DataError naming the first such row
 */
export function refuseRowsWithout(rows: readonly RawRow[], columns: readonly string[], name: string): void {
  rows.forEach((row, i) => {
    const missing = columns.find((column) => valueIn(row, column) === undefined);
    if (missing !== undefined) throw withoutColumn(missing, row, `${name}[${i}]`, columns);
  });
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
