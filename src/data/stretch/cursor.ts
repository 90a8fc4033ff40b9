import { ConfigError } from "../../errors.js";
import { type Duck, quoteName } from "../source/duckdb.js";
import type { Source } from "../source/source.js";
import { type TimeUnit, timeNumbers } from "../split/split-keys.js";
import { readEqual, unitInUse } from "../split/split-query.js";
import type { CursorPoint, CursorReads } from "./position.js";

/** A source with the numbers of a cursor column in {@link CURSOR_COLUMN}; NULL where it has no usable value. */
export interface Cursor {
  readonly column: string;
  readonly unit: TimeUnit;
  readonly source: Source;
}

const CURSOR_COLUMN = "@cursor";
const CURSOR = quoteName(CURSOR_COLUMN);

/**
 * @param known the unit of earlier values of the column
 * @throws ConfigError if there is no such column, or its values have no order
 */
export async function openCursor(
  duck: Duck,
  source: Source,
  column: string,
  known?: TimeUnit,
): Promise<Cursor> {
  const read = readEqual(source, column, "data.cursor");
  const numbers = timeNumbers(read);
  const unit = known ?? (await unitInUse(duck, source, numbers));
  const sql = numbers[unit];
  if (sql === undefined) throw wrongType(column, read.type, known);
  const select: Source["select"] = (rejects) =>
    `SELECT *, ${sql} AS ${CURSOR} FROM (${source.select(rejects)})`;
  return { column, unit, source: { ...source, select } };
}

function wrongType(column: string, type: string, known: TimeUnit | undefined): ConfigError {
  return new ConfigError({
    what: `the column ${column} cannot say which rows are new`,
    where: "data.cursor",
    got: type,
    expected:
      known === undefined ? "a date, a timestamp or a number" : `values as in training, in the unit ${known}`,
    next: "Name a column that grows with new rows, or derive one in sql.",
  });
}

const literal = ({ unit }: Cursor, value: string) =>
  `CAST('${value}' AS ${unit === "number" ? "DOUBLE" : "HUGEINT"})`;

/**
 * Where a run starts.
 * @throws ConfigError if no row has a value, because every row would always count as one without a value
 */
export async function firstPoint(duck: Duck, cursor: Cursor): Promise<CountedPoint> {
  const point = await pointOf(duck, cursor);
  if (point) return point;
  throw wrongType(cursor.column, "no row with a date, a timestamp or a number", undefined);
}

type CountedPoint = CursorPoint & { readonly rows: number };

/** The largest value of the column; undefined if no row has one. */
async function pointOf(duck: Duck, cursor: Cursor): Promise<CountedPoint | undefined> {
  const { column, unit, source } = cursor;
  const rows = source.select();
  const [[value]] = await duck.rows(`SELECT max(${CURSOR}) FROM (${rows})`, source.where);
  return value === null ? undefined : { column, unit, value, ...(await countsAt(duck, cursor, value)) };
}

/** How many rows have a value up to this one, and this value. */
async function countsAt(duck: Duck, cursor: Cursor, value: string): Promise<{ rows: number; equal: number }> {
  const at = literal(cursor, value);
  const counts = [`count(*) FILTER (${CURSOR} <= ${at})`, `count(*) FILTER (${CURSOR} = ${at})`];
  const sql = `SELECT ${counts.join(", ")} FROM (${cursor.source.select()})`;
  const [[rows, equal]] = await duck.rows(sql, cursor.source.where);
  return { rows: Number(rows), equal: Number(equal) };
}

/** The rows above the last value, up to the largest one now; only the late rows if there are none. */
export async function nextRange(
  duck: Duck,
  cursor: Cursor,
  last: CursorPoint | undefined,
): Promise<CursorReads | LateRows> {
  const point = await pointOf(duck, cursor);
  if (last === undefined) return point ? { cursor: point, late: 0, lateEqual: 0 } : NONE_LATE;
  const now = await countsAt(duck, cursor, last.value);
  const late = Math.max(0, now.rows - (last.rows ?? now.rows));
  const lateEqual = Math.min(late, Math.max(0, now.equal - (last.equal ?? now.equal)));
  const isNew = point !== undefined && point.rows > now.rows;
  return isNew ? { cursor: point, above: last.value, late, lateEqual } : { late, lateEqual };
}

/** Rows that came after larger values, or with the largest value, had been read. */
export interface LateRows {
  readonly late: number;
  readonly lateEqual: number;
}

const NONE_LATE: LateRows = { late: 0, lateEqual: 0 };

/** SQL: true for the rows of a range. */
export function predicateOf(cursor: Cursor, { cursor: point, above }: CursorReads): string {
  const from = above === undefined ? [] : [`${CURSOR} > ${literal(cursor, above)}`];
  return [...from, `${CURSOR} <= ${literal(cursor, point.value)}`].join(" AND ");
}
