import { DataError } from "../../errors.js";
import type { ColumnType } from "../../features/fitted.js";
import type { ColumnTypes, Want } from "./demand.js";
import { type Duck, quoteName } from "./duckdb.js";

/**
 * The types of text columns that SQL computes with. A type is settled by every value of every file, so no value is
 * changed to fit one that was guessed from others.
 */

/** What a text can be read as without a change; one bit each. */
const KIND = {
  integer: 1,
  /** An integer that a double may merge with its neighbours. */
  longInteger: 2,
  /** An integer beyond 64 bits. */
  hugeInteger: 4,
  number: 8,
  /** Digits after a leading zero: a number, or a code that loses its zeros as a number. */
  zeroLed: 16,
  boolean: 32,
  date: 64,
  timestamp: 128,
  zonedTimestamp: 256,
  time: 512,
  /** DuckDB reads it as a number, and nothing else does: `1_000`, `+-5`. */
  oddNumber: 1024,
  text: 2048,
} as const;

const INTEGERS = KIND.integer | KIND.longInteger | KIND.hugeInteger;
const LONG = KIND.longInteger | KIND.hugeInteger;
const NUMBERS = INTEGERS | KIND.number | KIND.zeroLed;

const INTEGER = "-?(0|[1-9][0-9]*)";
const NUMBER = "[+-]?([0-9]+\\.?[0-9]*|\\.[0-9]+)([eE][+-]?[0-9]+)?|[+-]?(?i:nan|inf|infinity)";
const DATE = "[0-9]{4}-[0-9]{2}-[0-9]{2}";
const TIME = "[0-9]{2}:[0-9]{2}(:[0-9]{2}(\\.[0-9]{1,6})?)?";
const ZONE = "(Z|z| UTC| ?[+-][0-9]{2}(:?[0-9]{2})?)";

/** A text that is at most this long is an integer below 2^53. */
const SAFE_DIGITS = 15;

/** SQL for the kind of a text; 0 for a missing or blank one. */
function kindSql(column: string): string {
  const text = `trim(${column})`;
  const isA = (pattern: string) => `regexp_full_match(${text}, '${pattern}')`;
  const reads = (type: string) => `TRY_CAST(${text} AS ${type}) IS NOT NULL`;
  return `CASE WHEN ${column} IS NULL OR ${text} = '' THEN 0
    WHEN ${isA(INTEGER)} THEN CASE WHEN length(${text}) <= ${SAFE_DIGITS} THEN ${KIND.integer}
      WHEN ${reads("BIGINT")} THEN ${KIND.longInteger} WHEN ${reads("HUGEINT")} THEN ${KIND.hugeInteger}
      ELSE ${KIND.text} END
    WHEN ${isA("-?[0-9]+")} THEN ${KIND.zeroLed}
    WHEN ${isA(NUMBER)} THEN ${KIND.number}
    WHEN regexp_matches(${text}, '_|\\+-') AND ${reads("DOUBLE")} THEN ${KIND.oddNumber}
    WHEN lower(${text}) IN ('true', 'false') THEN ${KIND.boolean}
    WHEN ${isA(DATE)} AND ${reads("DATE")} THEN ${KIND.date}
    WHEN ${isA(`${DATE}[T ]${TIME}`)} AND ${reads("TIMESTAMP")} THEN ${KIND.timestamp}
    WHEN ${isA(`${DATE}[T ]${TIME}${ZONE}`)} AND ${reads("TIMESTAMPTZ")} THEN ${KIND.zonedTimestamp}
    WHEN ${isA(TIME)} AND ${reads("TIME")} THEN ${KIND.time}
    ELSE ${KIND.text} END`;
}

/** A column, and its use by features besides SQL. */
export interface TextColumn {
  readonly name: string;
  readonly want: Want | undefined;
  /** The type that training settled for it. */
  readonly trained?: ColumnType;
}

export interface SettledType {
  readonly type: ColumnType | "NULL";
  /** True if every value has the type; else the reader refuses the rows of those that have not. */
  readonly isExact: boolean;
}

/** What the values are that settle a type; a column that has this type may also have those of a narrower one. */
const KINDS_OF: Readonly<Record<ColumnType, number>> = {
  BIGINT: KIND.integer,
  HUGEINT: KIND.hugeInteger,
  DOUBLE: KIND.number,
  BOOLEAN: KIND.boolean,
  DATE: KIND.date,
  TIMESTAMP: KIND.timestamp,
  "TIMESTAMP WITH TIME ZONE": KIND.zonedTimestamp,
  TIME: KIND.time,
  VARCHAR: KIND.text,
};

/** What all values of a column are. */
interface Found {
  /** All kinds that occur. */
  readonly kinds: number;
  readonly values: number;
  readonly numbers: number;
}

/**
 * The narrowest type of each column that every value has, or the type of training. In a column of numbers that a feature or label reads, values
 * that are no numbers stay with the reader, which refuses their rows, as it does where the type of training does not fit.
 *
 * @param texts a SELECT of the columns as VARCHAR
 * @throws DataError if no type holds all numbers of a column, or if the type of training would change a value
 */
export async function typesOfTexts(
  duck: Duck,
  columns: readonly TextColumn[],
  texts: string,
  where: string,
): Promise<Map<string, SettledType>> {
  const types = new Map<string, SettledType>();
  for (const [i, found] of (await findKinds(duck, columns, texts, where)).entries()) {
    const { name, want, trained } = columns[i];
    const seen = trained ? { ...found, kinds: found.kinds | KINDS_OF[trained] } : found;
    const problem = problemOf(seen, want);
    if (problem) throw await noType(duck, name, problem, texts, where);
    types.set(name, trained ? { type: trained, isExact: exactType(seen) === trained } : typeOf(seen, want));
  }
  const unfit = columns.flatMap(({ name, trained }) =>
    trained && !types.get(name)!.isExact ? [[name, trained] as const] : [],
  );
  await refuseChanged(duck, unfit, texts, where, changedSinceTraining);
  return types;
}

async function findKinds(
  duck: Duck,
  columns: readonly TextColumn[],
  texts: string,
  where: string,
): Promise<Found[]> {
  if (columns.length === 0) return [];
  const kinds = columns.map(({ name }, i) => `${kindSql(quoteName(name))} AS k${i}`);
  const totals = columns.flatMap((_, i) => [
    `bit_or(k${i})`,
    `count_if(k${i} <> 0)`,
    `count_if(k${i} & ${NUMBERS} <> 0)`,
  ]);
  const [row] = await duck.rows(`SELECT ${totals} FROM (SELECT ${kinds} FROM (${texts}))`, where);
  const at = (index: number) => Number(row[index] ?? 0);
  return columns.map((_, i) => ({ kinds: at(3 * i), values: at(3 * i + 1), numbers: at(3 * i + 2) }));
}

function typeOf(found: Found, want: Want | undefined): SettledType {
  const type = exactType(found);
  if (type !== "VARCHAR" || !mostlyNumbers(found, want)) return { type, isExact: true };
  return { type: "DOUBLE", isExact: false };
}

function exactType({ kinds }: Pick<Found, "kinds">): SettledType["type"] {
  const has = (kind: number) => (kinds & kind) !== 0;
  const only = (allowed: number) => (kinds & ~allowed) === 0;
  if (kinds === 0) return "NULL";
  if (only(INTEGERS)) return has(KIND.hugeInteger) ? "HUGEINT" : "BIGINT";
  if (only(INTEGERS | KIND.number)) return "DOUBLE";
  if (only(KIND.boolean)) return "BOOLEAN";
  if (only(KIND.time)) return "TIME";
  if (only(KIND.date)) return "DATE";
  if (only(KIND.date | KIND.timestamp)) return "TIMESTAMP";
  if (only(KIND.date | KIND.timestamp | KIND.zonedTimestamp)) return "TIMESTAMP WITH TIME ZONE";
  return "VARCHAR";
}

function mostlyNumbers({ values, numbers }: Found, want: Want | undefined): boolean {
  return want !== undefined && want !== "text" && 2 * numbers > values;
}

interface Problem {
  readonly what: string;
  readonly kinds: number;
  readonly expected: string;
  readonly type: string;
}

function problemOf(found: Found, want: Want | undefined): Problem | undefined {
  const { kinds } = found;
  const isNumber = (kinds & ~(INTEGERS | KIND.number)) === 0 || mostlyNumbers(found, want);
  if (!isNumber) return undefined;
  if (kinds & KIND.oddNumber)
    return {
      what: "a number is written with underscores or two signs",
      kinds: KIND.oddNumber,
      expected: "digits",
      type: "VARCHAR",
    };
  if (want === undefined && kinds & KIND.number && kinds & LONG)
    return {
      what: "a column has fractions and integers of 2^53 and more, which no type of number holds exactly",
      kinds: LONG,
      expected: "integers, or smaller numbers",
      type: "VARCHAR",
    };
  return undefined;
}

async function noType(
  duck: Duck,
  name: string,
  { what, kinds, expected, type }: Problem,
  texts: string,
  where: string,
): Promise<DataError> {
  const column = quoteName(name);
  const sql = `SELECT ${column} FROM (${texts}) WHERE (${kindSql(column)}) & ${kinds} <> 0 LIMIT 1`;
  const [[value]] = await duck.rows(sql, where);
  return new DataError({
    what,
    where: `${where}, column ${name}`,
    got: JSON.stringify(value),
    expected,
    next: `Read the column as text with types: { ${JSON.stringify(name)}: "${type}" }, and convert it in sql.`,
  });
}

/** By column; a column without a value settles no type. */
export function settledTypes(types: Iterable<readonly [name: string, type: SettledType]>): ColumnTypes {
  const known = [...types].flatMap(([name, { type }]) => (type === "NULL" ? [] : [[name, type] as const]));
  return known.length > 0 ? Object.fromEntries(known) : undefined;
}

/** A value that a type would change. */
interface Changed {
  readonly name: string;
  readonly type: string;
  readonly value: string;
}

function changedByConfig({ name, type, value }: Changed, where: string): DataError {
  return new DataError({
    what: `the type in types changes a value of the column ${name}`,
    where: `${where}.types.${name}`,
    got: `${JSON.stringify(value)}, read as ${type}`,
    expected: "a type that holds every value exactly",
    next: `Set a wider type, or read it as VARCHAR and convert it in sql.`,
  });
}

function changedSinceTraining({ name, type, value }: Changed, where: string): DataError {
  return new DataError({
    what: `a value of the column ${name} does not have the type that all values of the training data have`,
    where: `${where}, column ${name}`,
    got: JSON.stringify(value),
    expected: `a value of the type ${type}, which sql computes with`,
    next: "Correct the value. If such values are to be expected, train with data that has some, or set the type of the column in types and train again.",
  });
}

/**
 * Refuses values that a type of the config or of training would change: `0.25` read as INTEGER, a time of day read as DATE.
 *
 * @param texts a SELECT of the columns as VARCHAR
 * @throws DataError with the first such value
 */
export async function refuseChanged(
  duck: Duck,
  types: readonly (readonly [name: string, type: string])[],
  texts: string,
  where: string,
  refusal = changedByConfig,
): Promise<void> {
  const checked = types.flatMap(([name, type]) => {
    const changed = changedSql(quoteName(name), type);
    return changed === undefined ? [] : [{ name, type, changed }];
  });
  await refuseFirst(duck, checked, texts, where, refusal);
}

/**
 * Refuses values of other types than those of training, for a reader that would change them.
 *
 * @param texts a SELECT of the columns as VARCHAR
 * @throws DataError with the first such value
 */
export async function refuseMisfits(
  duck: Duck,
  types: readonly (readonly [name: string, type: ColumnType])[],
  texts: string,
  where: string,
): Promise<void> {
  const checked = types.map(([name, type]) => {
    const misfits = Object.values(KIND).filter(
      (kind) => exactType({ kinds: kind | KINDS_OF[type] }) !== type,
    );
    const all = misfits.reduce((sum, kind) => sum | kind, 0);
    return { name, type, changed: `(${kindSql(quoteName(name))}) & ${all} <> 0` };
  });
  await refuseFirst(duck, checked, texts, where, changedSinceTraining);
}

async function refuseFirst(
  duck: Duck,
  checked: readonly { readonly name: string; readonly type: string; readonly changed: string }[],
  texts: string,
  where: string,
  refusal: typeof changedByConfig,
): Promise<void> {
  if (checked.length === 0) return;
  const firsts = checked.map(({ name, changed }) => `min(${quoteName(name)}) FILTER (${changed})`);
  const [row] = await duck.rows(`SELECT ${firsts} FROM (${texts})`, where);
  for (const [i, { name, type }] of checked.entries())
    if (row[i] !== null) throw refusal({ name, type, value: row[i] }, where);
}

function changedSql(column: string, type: string): string | undefined {
  const read = `TRY_CAST(${column} AS ${type})`;
  const differs = (wide: string) =>
    `${read} IS NOT NULL AND CAST(${read} AS ${wide}) <> TRY_CAST(${column} AS ${wide})`;
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|INT\w*|DECIMAL.*|NUMERIC.*|LONG|SHORT)$/i.test(type))
    return differs("DOUBLE");
  return /^DATE$/i.test(type) ? differs("TIMESTAMP") : undefined;
}
