import { DataError } from "../errors.js";
import { type RawRow, valueIn } from "../features/encoder.js";
import { ownValue } from "../own-value.js";
import { showValue } from "../show-value.js";
import { cellsOf, type PlacedCells, type Rows } from "./cells.js";

/** Who asks, the situation, and what can be shown. Each column of the model stands in one of them. */
export interface RankRequest<Row = Readonly<Record<string, unknown>>, Label extends string = string> {
  /** Columns with one value for all items. */
  readonly user?: Partial<Row>;
  /** More columns with one value for all items, such as the hour. */
  readonly context?: Partial<Row>;
  /** The candidates, with all other columns of the model. */
  readonly items: Rows<Partial<Row>>;
  /** How many of the best to return. Default: all. */
  readonly k?: number;
  /** The label to rank by; needed if the model has several. */
  readonly by?: Label;
}

export interface RankedItem {
  /** Of the item in the request. */
  readonly index: number;
  /** Its prediction. */
  readonly score: number;
}

/** A request in which every column has one place. */
export interface CheckedRequest {
  readonly shared: RawRow;
  readonly items: PlacedCells;
  readonly k: number;
}

/** @throws DataError if a column of the model has no place or two places, or if `k` is not a count */
export function checkRankRequest(request: unknown, columns: readonly string[]): CheckedRequest {
  const { user = {}, context = {}, items, k = Infinity } = objectOf(request, "the request");
  const shared = sharedValues(objectOf(user, "user"), objectOf(context, "context"), columns);
  if (k !== Infinity && !(Number.isInteger(k) && (k as number) > 0)) throw badCount(k);
  const own = columns.filter((name) => !Object.hasOwn(shared, name));
  const cells = cellsOf(items, own, "items");
  refuseSharedInItems(items, shared, own.length);
  return { shared, items: cells, k: k as number };
}

/** The best `k` rows by score, of equal scores the first row first. */
export function bestFirst(scores: ArrayLike<number>, k: number): number[] {
  const order = Array.from({ length: scores.length }, (_, i) => i);
  return order.sort((a, b) => scores[b] - scores[a] || a - b).slice(0, Math.min(k, scores.length));
}

/** The values of `user` and `context` that the model reads. */
function sharedValues(user: RawRow, context: RawRow, columns: readonly string[]): RawRow {
  const shared: Record<string, unknown> = Object.create(null);
  for (const name of columns) {
    const [ofUser, ofContext] = [ownValue(user, name), ownValue(context, name)];
    if (ofUser !== undefined && ofContext !== undefined) throw inTwoPlaces(name, "user", "context");
    const value = ofUser === undefined ? ofContext : ofUser;
    if (value !== undefined) shared[name] = value;
  }
  return shared;
}

/** @param own the number of columns that each item has */
function refuseSharedInItems(items: unknown, shared: RawRow, own: number): void {
  const names = Object.keys(shared);
  const rows = (Array.isArray(items) ? items : [items]) as readonly RawRow[];
  rows.forEach((row, i) => {
    // Nearly all items have their own columns and no others, and are not looked at name by name.
    const twice =
      Object.keys(row).length > own ? names.find((name) => valueIn(row, name) !== undefined) : undefined;
    if (twice !== undefined)
      throw inTwoPlaces(twice, "user or context", Array.isArray(items) ? `items[${i}]` : "items");
  });
}

function objectOf(value: unknown, where: string): RawRow {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as RawRow;
  throw new DataError({
    what: "a part of the request is not an object",
    where,
    got: showValue(value),
    expected: "an object",
    next: "Give { user: { … }, context: { … }, items: [{ … }] } with the columns of the model as keys.",
  });
}

function inTwoPlaces(column: string, first: string, second: string): DataError {
  return new DataError({
    what: `the column ${column} stands in two places`,
    where: second,
    got: `${column} in ${first}, and in ${second}`,
    expected: "each column in user, in context or in the items",
    next: "Remove it from one of the places.",
  });
}

function badCount(k: unknown): DataError {
  return new DataError({
    what: "k is not a number of items",
    where: "k",
    got: showValue(k),
    expected: "an integer above 0",
    next: "Give how many of the best items to return, or leave k out to get all.",
  });
}
