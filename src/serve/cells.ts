import { DataError } from "../errors.js";
import { type Cells, type RawRow, valueIn } from "../features/encoder.js";
import { isList } from "../features/values.js";
import { showValue } from "../show-value.js";
import { refuseOtherRows, refuseRowsWithout } from "./rows.js";

/** Rows as objects, or as columns: a list of values for each column, all of the same length. */
export type Rows<Row> = readonly Row[] | ColumnsOf<Row>;
export type ColumnsOf<Row> = { readonly [Name in keyof Row]: ArrayLike<Row[Name]> };

/** Raw values, and the names of their rows in the caller's request. */
export interface PlacedCells extends Cells {
  where(row: number): string;
}

/**
 * The raw values of rows that a caller gives.
 * @param columns those that the rows must have
 * @param name of the rows, for messages
 * @throws DataError for values that are neither rows nor columns, and naming the first row without a column
 */
export function cellsOf(given: unknown, columns: readonly string[], name: string): PlacedCells {
  const where = (row: number) => `${name}[${row}]`;
  if (isColumns(given, columns)) return { ...cellsOfColumns(given, columns, name), where };
  refuseOtherRows(given, columns, name);
  const column = (wanted: string) => {
    const values = valuesOf(given, wanted);
    if (values.includes(undefined)) refuseRowsWithout(given, columns, name);
    return values;
  };
  return { rows: given.length, column, where };
}

/** A loop, because it takes a quarter of the time of `map`. */
function valuesOf(rows: readonly RawRow[], column: string): unknown[] {
  if (column in Object.prototype) return rows.map((row) => valueIn(row, column)); // seldom, and slower
  const values = new Array(rows.length);
  for (let i = 0; i < rows.length; i++) values[i] = rows[i][column];
  return values;
}

/** True if an object, a list of columns or the first of a list of rows has a value of the name. */
export function hasColumn(given: unknown, name: string): boolean {
  const first = Array.isArray(given) ? given[0] : given;
  return typeof first === "object" && first !== null && valueIn(first as RawRow, name) !== undefined;
}

/** One row with the values of an object. */
export function oneRow(values: RawRow, where: string): PlacedCells {
  return { rows: 1, column: (name) => [valueIn(values, name)], where: () => where };
}

/** The same rows, all of them with some more values. */
export function withShared(cells: PlacedCells, shared: RawRow): PlacedCells {
  const column = (name: string) =>
    Object.hasOwn(shared, name) ? new Array(cells.rows).fill(shared[name]) : cells.column(name);
  return { ...cells, column };
}

function isColumns(given: unknown, columns: readonly string[]): given is Record<string, ArrayLike<unknown>> {
  if (typeof given !== "object" || given === null || isList(given)) return false;
  const lists = columns.filter((name) => isList(valueIn(given as RawRow, name)));
  return lists.length > 0 && columns.every((name) => isListOrAbsent(valueIn(given as RawRow, name)));
}

const isListOrAbsent = (value: unknown) => value === undefined || isList(value);

function cellsOfColumns(
  given: Readonly<Record<string, ArrayLike<unknown>>>,
  columns: readonly string[],
  name: string,
): Cells {
  const missing = columns.find((column) => valueIn(given, column) === undefined);
  const rows = Math.max(...columns.map((column) => given[column]?.length ?? 0));
  const short = columns.find((column) => given[column]?.length !== rows);
  if (missing !== undefined || short !== undefined)
    throw new DataError({
      what: missing === undefined ? "the columns have different lengths" : `there is no column ${missing}`,
      where: name,
      got:
        missing === undefined ? `${given[short!].length} values of ${short}` : showValue(Object.keys(given)),
      expected: `${rows} values of each of ${columns.join(", ")}`,
      next: "Give each column one value for every row; null is a missing value.",
    });
  return { rows, column: (column) => given[column] };
}
