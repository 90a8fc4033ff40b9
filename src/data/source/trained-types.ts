import { DataError } from "../../errors.js";
import { isFloatType } from "../../features/sql-types.js";
import { trimmedSql, truthSql } from "../../features/values.js";
import { changedSql, commonType, NO_TYPE, widenedSql } from "./common-type.js";
import { type Duck, quoteName } from "./duckdb.js";
import { FILE_COLUMN } from "./relation.js";
import { familyOf, sharedType } from "./shared-type.js";
import { INTEGERS, KIND, kindSql, NUMBERS } from "./text-kinds.js";
import { isReadAsNull } from "./text-types.js";

/**
 * SQL computes with a column of a later file as it did with the column of the training data: its values are converted to
 * the type of training, and a value that the conversion would change is refused.
 */

/** A column of a file, and the type that it is read as. */
export interface Conversion {
  readonly name: string;
  /** In the file; of texts VARCHAR. {@link NO_TYPE} for a column without a value. */
  readonly from: string;
  /** In training; {@link NO_TYPE} if it had no value. */
  readonly to: string;
  /** True if the nearest number will do. */
  readonly isNearest?: boolean;
  /** The type of the file as errors show it; default `from`. */
  readonly shown?: string;
}

export interface Converted {
  /** NULL where the value cannot be converted. */
  readonly sql: string;
  /** SQL that is true for a value that the conversion would change. */
  readonly misfit?: string;
}

/** SQL of a column in the type of training. */
export const convertedSql = (conversion: Conversion) => converted(conversion).sql;

/** How a column of texts is read as another type. */
export const textsAs = (conversion: Omit<Conversion, "from">) =>
  converted({ ...conversion, from: "VARCHAR" }) as Required<Converted>;

/** {@link textsAs} with NULL for a text that is no value of the type. */
export function fittingTextsAs(conversion: Omit<Conversion, "from">): Converted {
  const { sql, misfit } = textsAs(conversion);
  return { sql: `CASE WHEN (${misfit}) IS NOT TRUE THEN ${sql} END` };
}

function converted({ name, from, to, isNearest = false }: Conversion): Converted {
  const column = quoteName(name);
  if (from === to) return { sql: column };
  if (from === NO_TYPE) return { sql: `CAST(NULL AS ${to})` };
  if (from === "VARCHAR") {
    const text = isNearest && familyOf(to) === "number" ? truthSql(column) : column;
    return { sql: textAs(text, to), misfit: textMisfit(text, to, isNearest) };
  }
  if (to === NO_TYPE) return { sql: "NULL", misfit: `${column} IS NOT NULL` };
  if (to === "VARCHAR" && HAS_ONE_TEXT.test(from)) return { sql: `CAST(${column} AS VARCHAR)` };
  const shared = sharedType(from, to);
  if (shared === undefined) return { sql: `CAST(NULL AS ${to})`, misfit: `${column} IS NOT NULL` };
  return sharedAs(shared === from ? column : `CAST(${column} AS ${shared})`, shared, to);
}

/** Types whose values every program writes as the same text; the number 7.0 may be written as 7. */
const HAS_ONE_TEXT = /^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN|DATE|UUID|ENUM\(.*\))$/s;

function sharedAs(value: string, from: string, to: string): Converted {
  if (commonType(from, to) === to) {
    const changed = changedSql(value, from, to);
    return { sql: widenedSql(value, from, to), misfit: changed && `${changed} IS NOT NULL` };
  }
  // The digits that FLOAT shows are those that its writer meant.
  const sql = `TRY_CAST(${from === "FLOAT" ? `CAST(${value} AS VARCHAR)` : value} AS ${to})`;
  const isRounded = to.includes("FLOAT") && /DOUBLE|DECIMAL/.test(from);
  if (isRounded) return { sql, misfit: `${value} IS NOT NULL AND ${sql} IS NULL` };
  return { sql, misfit: `TRY_CAST(${sql} AS ${from}) IS DISTINCT FROM ${value}` };
}

/** SQL of a text in the type of training; NULL if it cannot be read as such, and for a blank text. */
function textAs(column: string, to: string): string {
  if (to === "VARCHAR") return column;
  if (to === NO_TYPE) return "NULL";
  const text = trimmedSql(column);
  return `CASE WHEN ${text} <> '' THEN TRY_CAST(${text} AS ${to}) END`;
}

/** SQL that is true for a text that is no value of the type of training. */
function textMisfit(column: string, to: string, isNearest: boolean): string | undefined {
  if (to === "VARCHAR") return undefined;
  if (to === NO_TYPE) return `${trimmedSql(column)} <> ''`;
  const allowed = ALLOWED_KINDS[familyOf(to)];
  const checks = [
    `${textAs(column, to)} IS NULL`,
    ...(allowed === undefined ? [] : [`(${kindSql(column)}) & ~${allowed} <> 0`]),
    ...changes(column, to, isNearest),
  ];
  return `${trimmedSql(column)} <> '' AND (${checks.join(" OR ")})`;
}

const ALLOWED_KINDS: Readonly<Record<string, number>> = {
  number: NUMBERS,
  time: KIND.date | KIND.timestamp | KIND.zonedTimestamp,
  BOOLEAN: KIND.boolean,
  TIME: KIND.time,
};

/** SQL that is true where a text has another value than what is read. */
function changes(column: string, to: string, isNearest: boolean): string[] {
  const [read, text] = [textAs(column, to), trimmedSql(column)];
  const differs = (value: string, wide: string) =>
    `TRY_CAST(${value} AS ${wide}) IS DISTINCT FROM TRY_CAST(${text} AS ${wide})`;
  if (familyOf(to) === "time") return [differs(read, "TIMESTAMPTZ")];
  const isInteger = `(${kindSql(column)}) & ${INTEGERS} <> 0`;
  if (isFloatType(to)) return isNearest ? [] : [`${isInteger} AND ${differs(read, "HUGEINT")}`];
  const wide = to.replaceAll(EXACT_NUMBER, "DOUBLE");
  // By its digits: DuckDB's conversion of long integers and decimals is not rounded correctly.
  return wide === to ? [] : [`NOT (${isInteger}) AND ${differs(`CAST(${read} AS VARCHAR)`, wide)}`];
}

const EXACT_NUMBER = /\b(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|DECIMAL\(\d+,\d+\))/g;

/**
 * @param select a SELECT of the columns as the files have them, and of {@link FILE_COLUMN}
 * @throws DataError naming column, file and both types, if a value does not have the type of training
 */
export async function refuseMisfits(
  duck: Duck,
  conversions: readonly Conversion[],
  select: string,
  where: string,
): Promise<void> {
  await refuseFirst(duck, checksOf(conversions), select, where);
}

/** A conversion that may change values. */
type Check = Conversion & Required<Pick<Converted, "misfit">>;

function checksOf(conversions: readonly Conversion[]): Check[] {
  return conversions.flatMap((conversion) => {
    const { misfit } = converted(conversion);
    return misfit === undefined ? [] : [{ ...conversion, misfit }];
  });
}

/**
 * {@link refuseMisfits} for the texts of a CSV file, except for those that cannot be read as the type: their rows are left out.
 * @returns the columns that have such texts
 */
export async function unreadableTexts(
  duck: Duck,
  conversions: readonly Conversion[],
  texts: string,
  where: string,
): Promise<Set<string>> {
  const checked = checksOf(conversions);
  if (checked.length === 0) return new Set();
  const found = checked.map(({ misfit }) => `bool_or(${misfit})`);
  const [row] = await duck.rows(`SELECT ${found} FROM (${texts})`, where);
  const unfit = checked.filter((_, i) => row[i] === "true");
  const changed = unfit.map((conversion) => {
    const { misfit, to } = conversion;
    const isRead = to === NO_TYPE || isReadAsNull(to) ? "true" : isReadSql(conversion);
    return { ...conversion, misfit: `(${misfit}) AND ${isRead}` };
  });
  await refuseFirst(duck, changed, texts, where);
  return new Set(unfit.map(({ name }) => name));
}

/** SQL that is true for a text that is read as the type, but for what only DuckDB reads as a number. */
function isReadSql(conversion: Conversion): string {
  return `${convertedSql(conversion)} IS NOT NULL AND (${kindSql(quoteName(conversion.name))}) <> ${KIND.oddNumber}`;
}

async function refuseFirst(
  duck: Duck,
  checked: readonly Check[],
  select: string,
  where: string,
): Promise<void> {
  if (checked.length === 0) return;
  const firsts = checked.map(({ name, misfit }) => {
    const found = `[CAST(${quoteName(name)} AS VARCHAR), ${quoteName(FILE_COLUMN)}]`;
    return `first(${found}) FILTER (${misfit})`;
  });
  const parts = checked.map((_, i) => `s${i}[1], s${i}[2]`);
  const named = firsts.map((sql, i) => `${sql} AS s${i}`);
  const [row] = await duck.rows(`SELECT ${parts} FROM (SELECT ${named} FROM (${select}))`, where);
  for (const [i, conversion] of checked.entries()) {
    const [value, file] = row.slice(2 * i);
    if (value !== null && file !== null) throw misfitOf(conversion, value, file, where);
  }
}

function misfitOf(
  { name, from, to, shown = from }: Conversion,
  value: string,
  file: string,
  where: string,
): DataError {
  return new DataError({
    what: `a value of the column ${name} does not have the type that the column has in the training data`,
    where: `${where}, column ${name}`,
    got: `${JSON.stringify(value)} in ${file}, where the column has the type ${shown}`,
    expected:
      to === NO_TYPE
        ? "no value, as in the training data"
        : `a value of the type ${to}, which sql computes with`,
    next:
      to === NO_TYPE
        ? "Train with data that has values in this column. For a text or JSON file you can also set its type in types, and train again."
        : "Correct the value, or write the column with the type of training. If such values are to be expected, train with data that has some.",
  });
}
