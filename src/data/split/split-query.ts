import { ConfigError } from "../../errors.js";
import { instantOf, microsecondsWithin } from "../../features/instant.js";
import { decimalPointSql } from "../../features/values.js";
import { type ReadColumn, readScalar } from "../source/column-query.js";
import { type Duck, quoteName, quoteText } from "../source/duckdb.js";
import type { JoinedSql } from "../source/joined-files.js";
import { refuseUnrepeatable } from "../source/repeatable-sql.js";
import { numberRows, ROW_COLUMN } from "../source/row-numbers.js";
import type { Source } from "../source/source.js";
import {
  rounded,
  type SplitConfig,
  type SplitName,
  sharesOf,
  splitNames,
  splitsOf,
  startKind,
} from "./split-config.js";
import { equalText, type TimeUnit, timeNumbers, unitOf } from "./split-keys.js";

/** A source divided into splits, as SQL over its columns. */
export interface SplitQuery {
  readonly source: Source;
  /** In order; a row belongs to the split whose predicate is true. */
  readonly splits: readonly { readonly name: SplitName; readonly predicate?: string }[];
  /** The value by which rows are divided. A row without it is refused. */
  readonly key?: SplitKey;
  /** The first time of each split that does not start with the oldest row. */
  readonly starts?: SplitStarts;
}

/** The value is in {@link SPLIT_COLUMN}: NULL where the column of the source has no usable value. */
export interface SplitKey {
  readonly column: string;
  /** Why a value is refused that is not missing. */
  readonly reason: string;
}

export type SplitStarts = Readonly<Partial<Record<SplitName, string>>>;

/** The number that decides about the split of a row. A column, because DuckDB would compute an expression for every use. */
export const SPLIT_COLUMN = "@split";

function withSplitColumn(source: Source, sql: string): Source {
  const select: Source["select"] = (rejects) =>
    `SELECT *, ${sql} AS ${quoteName(SPLIT_COLUMN)} FROM (${source.select(rejects)})`;
  return { ...source, select };
}

/** The columns that a split reads as texts, so that it does not depend on what features read. */
export function splitColumns({ by, time }: SplitConfig): string[] {
  return [by, time].filter((column) => column !== undefined);
}

/** The predicates in SQL of a split, if it has them. */
export function predicatesOf(split: SplitConfig): string[] {
  return splitNames.map((name) => split[name]).filter((part) => typeof part === "string");
}

/**
 * The predicates of a split over a source. Shares by time need one pass over the source, to find the starts.
 * @throws ConfigError if a column does not exist or cannot divide rows, DataError for SQL that does not run
 */
export async function querySplits(duck: Duck, source: Source, split: SplitConfig): Promise<SplitQuery> {
  if (split.time !== undefined) return splitByTime(duck, source, split, split.time);
  const shares = sharesOf(split);
  if (shares) return splitByHash(duck, source, split, shares);
  const splits: { name: SplitName; predicate: string }[] = [];
  const tableTypes = { ...source.tableTypes };
  for (const name of splitsOf(split)) {
    const { text, types } = await predicateOf(duck, source, split, name);
    splits.push({ name, predicate: text });
    Object.assign(tableTypes, types);
  }
  return { source: { ...source, tableTypes }, splits };
}

/** A predicate that the config gives, checked. */
async function predicateOf(
  duck: Duck,
  source: Source,
  split: SplitConfig,
  name: SplitName,
): Promise<JoinedSql> {
  const where = `data.split.${name}`;
  const { text, types } = await source.joined(`SELECT (${split[name]}\n)`, where, `split/${name}/`);
  const predicate = text.slice("SELECT ".length);
  const tested = `SELECT (${predicate}\n)::BOOLEAN`;
  await duck.describe(`${tested} FROM (${source.select()})`, where);
  const names = source.columns.map((column) => column.name);
  await refuseUnrepeatable(duck, tested, where, names);
  return { text: predicate, types };
}

async function splitByHash(
  duck: Duck,
  source: Source,
  { by, seed = 0, ...split }: SplitConfig,
  shares: Readonly<Record<SplitName, number>>,
): Promise<SplitQuery> {
  const prefix = quoteText(`split:${seed}:`);
  const splits = rangesOf(splitsOf(split), shares);
  if (by === undefined) {
    const numbered = await numberRows(duck, source, "a split without by");
    const row = `CAST(${quoteName(ROW_COLUMN)} AS VARCHAR)`;
    return { source: withSplitColumn(numbered, unitOf(`${prefix} || ${row}`)), splits };
  }
  const read = readEqual(source, by, "data.split.by");
  const text = equalText(read);
  if (text === undefined)
    throw wrongType("data.split.by", by, read.type, "a text, a number, a date or a timestamp");
  const divided = withSplitColumn(source, unitOf(`${prefix} || ${text}`));
  return { source: divided, splits, key: { column: by, reason: "not a value that can be hashed" } };
}

/** The unit interval from 0 on, in the order of the splits. */
function rangesOf(names: readonly SplitName[], shares: Readonly<Record<SplitName, number>>) {
  const unit = quoteName(SPLIT_COLUMN);
  let start = 0;
  return names.map((name) => {
    const end = rounded(start + shares[name]);
    const predicate = `${unit} >= ${start} AND ${unit} < ${end}`;
    start = end;
    return { name, predicate };
  });
}

async function splitByTime(
  duck: Duck,
  source: Source,
  split: SplitConfig,
  column: string,
): Promise<SplitQuery> {
  const shares = sharesOf(split);
  const read = readEqual(source, column, "data.split.time");
  const { type } = read;
  const numbers = timeNumbers(read);
  if (Object.keys(numbers).length === 0)
    throw wrongType("data.split.time", column, type, "a date, a timestamp, a number, or such a text");
  const unit = shares
    ? await unitInUse(duck, source, numbers)
    : await unitOfStarts(duck, source, split, numbers, type);
  const divided = withSplitColumn(source, numbers[unit]!);
  const starts = shares ? await startsOf(duck, divided, split, shares, unit) : givenStarts(split, unit);
  const texts = Object.entries(starts).map(([name, start]) => [name, timeText(start, unit)]);
  return {
    source: divided,
    splits: splitsOf(split).map((name, i, names) => ({
      name,
      predicate: between(starts, name, names[i + 1]),
    })),
    key: { column, reason: unit === "microseconds" ? "not a date or a timestamp" : "not a finite number" },
    starts: Object.fromEntries(texts),
  };
}

/** A column by which rows are divided, with the decimal point. */
export function readEqual(source: Source, name: string, where: string): ReadColumn {
  const { column, type } = readScalar(source, name, where);
  return { column: source.hasDecimalComma && type === "VARCHAR" ? decimalPointSql(column) : column, type };
}

type Starts = Partial<Record<SplitName, bigint | number>>;

/** From the start of a split until the start of the next. */
function between(starts: Starts, name: SplitName, next: SplitName | undefined): string {
  const time = quoteName(SPLIT_COLUMN);
  const [from, to] = [starts[name], next && starts[next]];
  const bounds = [from === undefined ? [] : `${time} >= ${from}`, to === undefined ? [] : `${time} < ${to}`];
  return bounds.flat().join(" AND ") || `${time} IS NOT NULL`;
}

/** The unit that more values of the column have; the other values are refused. */
export async function unitInUse(
  duck: Duck,
  source: Source,
  numbers: Partial<Record<TimeUnit, string>>,
): Promise<TimeUnit> {
  const counts = await countUnits(duck, source, numbers);
  return counts.microseconds >= counts.number ? "microseconds" : numberUnit(counts);
}

/** The number of values of each unit; for a column that is no text, 1 for its unit. */
async function countUnits(
  duck: Duck,
  source: Source,
  numbers: Partial<Record<TimeUnit, string>>,
): Promise<Readonly<Record<TimeUnit, number>>> {
  const units = Object.entries(numbers);
  const none = { microseconds: 0, integer: 0, number: 0 };
  if (units.length === 1) return { ...none, number: "microseconds" in numbers ? 0 : 1, [units[0][0]]: 1 };
  const counts = units.map(([, sql]) => `count(${sql})`);
  const [row] = await duck.rows(`SELECT ${counts} FROM (${source.select()})`, source.where);
  return { ...none, ...Object.fromEntries(units.map(([unit], i) => [unit, Number(row[i])])) };
}

/** Numbers are compared as integers if all of them are. */
function numberUnit({ integer, number }: Readonly<Record<TimeUnit, number>>): TimeUnit {
  return integer === number ? "integer" : "number";
}

/**
 * The times at which the splits start: counted from the latest row, a split has its share of the rows. Rows of the same
 * time are never separated, so it may have more.
 */
async function startsOf(
  duck: Duck,
  source: Source,
  split: SplitConfig,
  shares: Readonly<Record<SplitName, number>>,
  unit: TimeUnit,
): Promise<Starts> {
  const latest = (name: SplitName) =>
    rounded(splitNames.slice(splitNames.indexOf(name)).reduce((sum, each) => sum + shares[each], 0));
  const starting = splitsOf(split).filter((name) => latest(name) < 1);
  // Of negative times: the share is counted from the latest row.
  const time = quoteName(SPLIT_COLUMN);
  const quantiles = starting.map((name) => `-quantile_disc(-${time}, ${latest(name)})`);
  const [row] = await duck.rows(`SELECT ${quantiles.join(", ")} FROM (${source.select()})`, source.where);
  const read = unit === "number" ? Number : BigInt;
  const found = starting.flatMap((name, i) => (row[i] === null ? [] : [[name, read(row[i])]]));
  return Object.fromEntries(found);
}

/** The unit in which the starts are given. @throws ConfigError if no value of the column has it */
async function unitOfStarts(
  duck: Duck,
  source: Source,
  split: SplitConfig,
  numbers: Partial<Record<TimeUnit, string>>,
  type: string,
): Promise<TimeUnit> {
  const [first] = splitNames.filter((name) => split[name] !== undefined);
  const isTime = startKind(split[first] as string) === "time";
  const counts = await countUnits(duck, source, numbers);
  if (isTime && counts.microseconds > 0) return "microseconds";
  if (!isTime && counts.number > 0) return numberUnit(counts);
  throw new ConfigError({
    what: `the start of a split is not a value of the column ${split.time}`,
    where: `data.split.${first}`,
    got: `"${split[first]}", and a column of type ${type} without such values`,
    expected: isTime ? 'a number in quotes, such as "978300760"' : "a time such as 2001-06-18",
    next: "Write the start like the values of the column, or give shares such as 0.1.",
  });
}

function givenStarts(split: SplitConfig, unit: TimeUnit): Starts {
  const starts: Starts = {};
  let latest: bigint | number = Number.NEGATIVE_INFINITY;
  for (const name of splitNames) {
    if (split[name] === undefined) continue;
    const text = split[name] as string;
    const start = startOf(text, unit);
    if (!(start > latest)) throw wrongStart(split, name);
    starts[name] = start;
    latest = start;
  }
  return starts;
}

function startOf(text: string, unit: TimeUnit): bigint | number {
  if (unit === "number") return Number(text);
  if (unit === "microseconds") return BigInt(instantOf(text)) * 1000n + BigInt(microsecondsWithin(text));
  return /^[+-]?\d+$/.test(text) ? BigInt(text.replace("+", "")) : BigInt(Math.ceil(Number(text)));
}

function wrongStart(split: SplitConfig, name: SplitName): ConfigError {
  return new ConfigError({
    what: "the splits do not start one after the other",
    where: `data.split.${name}`,
    got: splitNames.flatMap((each) => (split[each] === undefined ? [] : `${each} ${split[each]}`)).join(", "),
    expected: "times or numbers that ascend from train to valid to test",
    next: "Correct the times.",
  });
}

function timeText(start: bigint | number, unit: TimeUnit): string {
  if (unit !== "microseconds") return String(start);
  const microseconds = BigInt(start);
  const within = ((microseconds % 1000n) + 1000n) % 1000n;
  const time = new Date(Number((microseconds - within) / 1000n)).toISOString();
  return within === 0n ? time : time.replace("Z", `${String(within).padStart(3, "0")}Z`);
}

function wrongType(where: string, column: string, type: string, expected: string): ConfigError {
  return new ConfigError({
    what: `the column ${column} cannot divide the rows`,
    where,
    got: type,
    expected,
    next: "Name another column, or derive one in sql.",
  });
}
