import { DataError } from "../../errors.js";
import { decimalType, isFloatType } from "../../features/sql-types.js";
import { DOUBLE_DIGITS, textsOf } from "../../features/type-texts.js";
import { trimmedSql, truthSql } from "../../features/values.js";
import type { SourceConfig } from "../data-config.js";
import { changedSql, commonType, NO_TYPE, widenedSql } from "./common-type.js";
import type { Want } from "./demand.js";
import { type Duck, quoteName, quoteText } from "./duckdb.js";
import { filledEmpties } from "./empty-json.js";
import { jsonSqlTexts, textsForJson } from "./json-value.js";
import { FILE_COLUMN } from "./relation.js";
import { familyOf, sharedType } from "./shared-type.js";

/**
 * Columns that are read as a type of the config, or of training: SQL computes with a column of a later file as it did with
 * the column of the training data. A value that the conversion would change is refused.
 */

/** A column of a file, and the type that it is read as. */
export interface Conversion {
  readonly name: string;
  /** In the file; of texts VARCHAR. {@link NO_TYPE} for a column without a value. */
  readonly from: string;
  /** In training; {@link NO_TYPE} if it had no value. */
  readonly to: string;
  /** True if the config gives the column its type. */
  readonly isDeclared?: boolean;
  /** How features read the column; those of numbers take the nearest number. */
  readonly want?: Want;
  /** The type of the file as errors show it; default `from`. */
  readonly shown?: string;
}

export interface Converted {
  /** NULL where the value cannot be converted. */
  readonly sql: string;
  /**
   * SQL that is true for a value that cannot be converted or would change. Where features impute texts that are no number,
   * such a text is NULL and no misfit.
   */
  readonly misfit?: string;
  /** SQL that is true for a text that could be read, but as another value. */
  readonly changed?: string;
}

/**
 * The types that the config gives columns, by the names that DuckDB gives them.
 * @throws ConfigError if there is no such type
 */
export async function declaredTypes(
  duck: Duck,
  { types = {} }: SourceConfig,
  where: string,
): Promise<ReadonlyMap<string, string>> {
  const columns = Object.entries(types).map(([name, type]) => `CAST(NULL AS ${type}) AS ${quoteName(name)}`);
  if (columns.length === 0) return new Map();
  const described = await duck.describe(`SELECT ${columns}`, `${where}.types`);
  return new Map(described.map(({ name, type }) => [name, type]));
}

/** SQL of a column in the type of training. */
export const convertedSql = (conversion: Conversion) => converted(conversion).sql;

/** How a column of texts is read as another type. */
export const textsAs = (conversion: Omit<Conversion, "from">): Converted =>
  converted({ ...conversion, from: "VARCHAR" });

function converted(conversion: Conversion): Converted {
  const { name, from, to, want = "text" } = conversion;
  const column = quoteName(name);
  if (from === to) return { sql: column };
  if (from === NO_TYPE) return { sql: `CAST(NULL AS ${to})` };
  if (from === "VARCHAR") return convertedText(column, to, want);
  if (textsForJson(from) === to) return { sql: jsonSqlTexts(column, from, conversion.want === "text") };
  if (to === NO_TYPE) return { sql: "NULL", misfit: `${column} IS NOT NULL` };
  if (to === "VARCHAR" && HAS_ONE_TEXT.test(from)) return { sql: `CAST(${column} AS VARCHAR)` };
  const filled = filledEmpties(column, from, to);
  if (!filled) return bySharedType(column, from, to);
  const { sql, misfit = "false" } = bySharedType(filled.sql, filled.type, to);
  return { sql, misfit: `${filled.hasValue} OR ${misfit}` };
}

function bySharedType(value: string, from: string, to: string): Converted {
  if (from === to) return { sql: value };
  const shared = sharedType(from, to);
  if (shared === undefined) return { sql: `CAST(NULL AS ${to})`, misfit: `${value} IS NOT NULL` };
  return sharedAs(shared === from ? value : `CAST(${value} AS ${shared})`, shared, to);
}

/** Features of numbers read truth values as numbers. */
const textToRead = (column: string, to: string, want: Want = "text") =>
  want !== "text" && familyOf(to) === "number" ? truthSql(column) : column;

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

/** SQL of a text as a value of a type; NULL if it cannot be read as such, and for a blank text. */
function textAs(column: string, to: string): string {
  if (to === "VARCHAR") return column;
  if (to === NO_TYPE) return "NULL";
  const text = trimmedSql(column);
  const texts = textsOf(to);
  const isText = texts === undefined ? `${text} <> ''` : matchesSql(text, texts.read);
  const scientific = texts?.scientific
    ? ` WHEN ${matchesSql(text, texts.scientific)} THEN ${roundedSql(text, to)}`
    : "";
  return `CASE WHEN ${isText} THEN TRY_CAST(${text} AS ${to})${scientific} END`;
}

/** A number as the nearest one of an exact type. */
const roundedSql = (text: string, to: string) => `TRY_CAST(TRY_CAST(${text} AS DOUBLE) AS ${to})`;

/** SQL that is true for a number with an exponent that an exact type keeps: a double holds as many digits. */
function isKeptSql(text: string, to: string): string {
  const limit = `1e${DOUBLE_DIGITS - (decimalType(to)?.scale ?? 0)}`;
  const again = `TRY_CAST(CAST(${roundedSql(text, to)} AS VARCHAR) AS DOUBLE)`;
  return `abs(TRY_CAST(${text} AS DOUBLE)) < ${limit} AND ${again} = TRY_CAST(${text} AS DOUBLE)`;
}

function convertedText(column: string, to: string, want: Want): Converted {
  if (to === "VARCHAR") return { sql: column };
  const text = textToRead(column, to, want);
  const [sql, isPresent] = [textAs(text, to), `${trimmedSql(text)} <> ''`];
  if (to === NO_TYPE) return { sql, misfit: isPresent, changed: isPresent };
  const changed = changedText(text, to, want !== "text");
  const misfit = want === "imputed" ? changed : `${isPresent} AND (${sql} IS NULL OR ${changed})`;
  return { sql, misfit, changed };
}

const matchesSql = (text: string, pattern: string) => `regexp_full_match(${text}, ${quoteText(pattern)})`;

/** SQL that is true where a text has another value than what is read; the same rule as `typedReader` for requests. */
function changedText(column: string, to: string, isNearest: boolean): string {
  const [read, text, texts] = [textAs(column, to), trimmedSql(column), textsOf(to)];
  if (texts === undefined) return "false";
  if (!isFloatType(to)) {
    const isOther = `${matchesSql(text, texts.read)} AND NOT ${matchesSql(text, texts.exact)}`;
    if (texts.scientific === undefined) return `(${isOther})`;
    const isRounded = `${matchesSql(text, texts.scientific)} AND (${isKeptSql(text, to)}) IS NOT TRUE`;
    return `(${isOther} OR ${isRounded})`;
  }
  // Features of numbers have a rule of their own for infinities.
  if (isNearest) return "false";
  const isTooLarge = `isinf(${read}) AND ${matchesSql(text, ".*[0-9].*")}`;
  const integer = `TRY_CAST(${text} AS HUGEINT)`;
  const isInteger = matchesSql(text, textsOf("HUGEINT")!.exact);
  return `(${isTooLarge} OR ${isInteger} AND TRY_CAST(${read} AS HUGEINT) IS DISTINCT FROM ${integer})`;
}

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
 * @returns the columns with such texts, and with texts that DuckDB's reader would not read as {@link textsAs} does
 */
export async function inexactTexts(
  duck: Duck,
  conversions: readonly Conversion[],
  texts: string,
  where: string,
): Promise<Set<string>> {
  const checked = checksOf(conversions);
  if (checked.length === 0) return new Set();
  const found = checked.map((conversion) => {
    const { name, to, want } = conversion;
    const { sql, changed } = converted(conversion);
    const text = trimmedSql(textToRead(quoteName(name), to, want));
    const { scientific } = textsOf(to) ?? {};
    const isOwn = scientific ? `OR ${matchesSql(text, scientific)}` : "";
    return `bool_or(${text} <> ${quoteName(name)} OR ${text} <> '' AND (${sql} IS NULL OR ${changed} ${isOwn}))`;
  });
  const [row] = await duck.rows(`SELECT ${found} FROM (${texts})`, where);
  const unfit = checked.filter((_, i) => row[i] === "true");
  const changed = unfit.map((conversion) => ({
    ...conversion,
    misfit: converted(conversion).changed!,
  }));
  await refuseFirst(duck, changed, texts, where);
  return new Set(unfit.map(({ name }) => name));
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
  { name, from, to, isDeclared, shown = from }: Conversion,
  value: string,
  file: string,
  where: string,
): DataError {
  if (isDeclared)
    return new DataError({
      what: `a value of the column ${name} does not have the type that types gives it`,
      where: `${where}.types.${name}`,
      got: `${JSON.stringify(value)}, read as ${to}, in ${file}`,
      expected: `a value that the type ${to} holds exactly`,
      next: "Correct the value, set a wider type, or read the column as VARCHAR and convert it in sql.",
    });
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
