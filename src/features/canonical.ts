import { Refusal, type RefusalCode } from "./refusal.js";

/**
 * The canonical text of an id. Hashes and vocabularies see this text and nothing else, so a value must have the
 * same text whether it comes from a file or from a JavaScript object.
 *
 * - text: as it is, byte for byte; the empty text is missing
 * - integers of any type: decimal digits, with `-` below zero; `3.0` is the integer 3
 * - other numbers: the shortest digits that read back as the same number, as a 32-bit float if the number is one, so
 *   that 0.1 has one text in both precisions; exponents below 1e-4 as `1e-05`; NaN and the infinities are missing
 * - decimals with more than 15 digits: all their digits
 * - floating-point numbers of 2^53 and more are refused: digits of an id may be lost already
 * - booleans: `true`, `false`
 * - dates and timestamps: ISO 8601 in UTC to the millisecond, `2001-01-31T08:15:00.000Z`; the date alone,
 *   `2001-01-31`, at midnight
 */

/** Separates the parts of a crossed id. */
const CROSS_SEPARATOR = "\u0001";

/** From here on, a double may stand for several integers. */
const INEXACT_FROM = 2 ** 53;

/** Stands for a value that cannot be an id, in SQL and in JavaScript: U+0000 and the number of the refusal. */
const refusedText = (code: RefusalCode) => `\u0000${String.fromCharCode(-code)}`;
const INEXACT = refusedText(Refusal.inexact);
const WRONG_TYPE = refusedText(Refusal.wrongType);
/** A text with brackets that is neither a list nor parts between separators. */
export const NO_LIST = refusedText(Refusal.brackets);

/** The refusal that a canonical text, given as UTF-8 bytes `[start, end)`, stands for; 0 if it is an id. */
export function refusalIn(bytes: Uint8Array, start: number, end: number): number {
  return end - start === 2 && bytes[start] === 0 ? -bytes[start + 1] : 0;
}

/** {@link refusalIn} of a text. */
export function refusalOfText(text: string): number {
  return text.length === 2 && text[0] === "\u0000" ? -text.charCodeAt(1) : 0;
}

/** Returns the canonical text, or `undefined` for a missing value. */
export function canonicalText(value: unknown): string | undefined {
  switch (typeof value) {
    case "string":
      return value === "" ? undefined : value;
    case "number":
      return numberText(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "undefined":
      return undefined;
  }
  if (value === null) return undefined;
  return value instanceof Date ? dateText(value) : WRONG_TYPE;
}

/** The canonical text of a cross of values; missing if all of them are missing. */
export function canonicalCross(values: readonly unknown[]): string | undefined {
  const texts = values.map(canonicalText);
  const refused = texts.find((text) => text !== undefined && refusalOfText(text) !== 0);
  if (refused !== undefined) return refused;
  if (texts.every((text) => text === undefined)) return undefined;
  return texts.map((text) => text ?? "").join(CROSS_SEPARATOR);
}

function numberText(value: number): string | undefined {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isFinite(value)) return undefined;
  if (Math.abs(value) >= INEXACT_FROM) return INEXACT;
  const shortest = Math.fround(value) === value ? shortestFloat(value) : value;
  if (Math.abs(shortest) >= 1e-4) return String(shortest);
  return shortest.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
}

/** A 32-bit float with more digits than this is the nearest to a decimal with fewer. */
const DIGITS_OF_FRACTION = 10;
/** 6 digits are enough for the decimals that people write, 9 for every 32-bit float. */
const DIGITS_OF_FLOAT = [6, 7, 8, 9];

/** A 32-bit float as the decimal with the fewest digits that it stands for: 0.1 for 0.10000000149011612. */
function shortestFloat(value: number): number {
  if (Number(value.toPrecision(DIGITS_OF_FRACTION)) === value) return value;
  const decimals = DIGITS_OF_FLOAT.map((digits) => Number(value.toPrecision(digits)));
  return decimals.find((decimal) => Math.fround(decimal) === value) ?? value;
}

function dateText(value: Date): string | undefined {
  if (Number.isNaN(value.getTime())) return undefined;
  const text = value.toISOString();
  return text.endsWith("T00:00:00.000Z") ? text.slice(0, -"T00:00:00.000Z".length) : text;
}

/** SQL that computes {@link canonicalText} for a column of a DuckDB type; `undefined` if the type cannot be an id. */
export function canonicalSql(column: string, type: string): string | undefined {
  // A list or an array of any of the types below.
  if (type.endsWith("]")) return undefined;
  if (type === "DATE") return `CASE WHEN isfinite(${column}) THEN ${dateSql(column)} END`;
  if (type.startsWith("TIMESTAMP")) return timestampSql(microsecondsSql(column, type));
  if (/^(VARCHAR|UUID|TIME|ENUM)/.test(type)) return `CAST(${column} AS VARCHAR)`;
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BIGNUM|BOOLEAN)$/.test(type))
    return `CAST(${column} AS VARCHAR)`;
  if (type === "FLOAT" || type === "DOUBLE") return doubleSql(`CAST(${column} AS DOUBLE)`);
  const decimal = /^DECIMAL\((\d+),(\d+)\)$/.exec(type);
  return decimal ? decimalSql(column, Number(decimal[1]), Number(decimal[2])) : undefined;
}

/** SQL that computes {@link canonicalCross} from canonical texts. */
export function crossSql(parts: readonly string[]): string {
  const refused = parts.map((part) => `WHEN ${isRefusedSql(part)} THEN ${part}`);
  const texts = parts.map((part) => `coalesce(${part}, '')`);
  const present = texts.map((text) => `${text} <> ''`).join(" OR ");
  return `CASE ${refused.join(" ")} WHEN ${present} THEN ${texts.join(" || chr(1) || ")} END`;
}

/** SQL that is true if a canonical text stands for a refusal. */
export function isRefusedSql(text: string): string {
  return `${text} IN (${[INEXACT, WRONG_TYPE, NO_LIST].map(quoted).join(", ")})`;
}

/** SQL of the text that stands for a value of a type that cannot be an id. */
export const wrongTypeSql = () => quoted(WRONG_TYPE);

/** SQL of {@link NO_LIST}. */
export const noListSql = () => quoted(NO_LIST);

/** A text of control characters as SQL. */
function quoted(text: string): string {
  return Array.from(text, (character) => `chr(${character.charCodeAt(0)})`).join(" || ");
}

function timestampSql(timestamp: string): string {
  const t = `date_trunc('milliseconds', ${timestamp})`;
  const text = `CASE WHEN date_trunc('day', ${t}) = ${t} THEN ${dateSql(t)} ELSE ${dateSql(t)} || strftime(${t}, 'T%H:%M:%S.%gZ') END`;
  return `CASE WHEN isfinite(${timestamp}) THEN ${text} END`;
}

/** A column of a type of timestamps as TIMESTAMP in UTC, rounded down to the microsecond. */
export function microsecondsSql(column: string, type: string): string {
  if (type === "TIMESTAMP WITH TIME ZONE") return `(${column} AT TIME ZONE 'UTC')`;
  if (type !== "TIMESTAMP_NS") return `CAST(${column} AS TIMESTAMP)`;
  // DuckDB's own conversion rounds towards 1970.
  const nanos = `epoch_ns(${column})`;
  const micros = `${nanos} // 1000 - CAST(${nanos} % 1000 < 0 AS BIGINT)`;
  return `CASE WHEN isfinite(${column}) THEN make_timestamp(${micros}) END`;
}

/** Years outside 0 to 9999 have a sign and six digits. */
function dateSql(date: string): string {
  const usual = `year(${date}) BETWEEN 0 AND 9999`;
  return `CASE WHEN ${usual} THEN strftime(${date}, '%Y-%m-%d') ELSE printf('%+07d', year(${date})) || strftime(${date}, '-%m-%d') END`;
}

function doubleSql(x: string): string {
  return `CASE WHEN NOT isfinite(${x}) THEN NULL
    WHEN abs(${x}) >= ${INEXACT_FROM} THEN ${quoted(INEXACT)}
    WHEN ${x} = trunc(${x}) THEN CAST(CAST(${x} AS BIGINT) AS VARCHAR)
    WHEN TRY_CAST(${x} AS FLOAT) = ${x} THEN ${floatSql(x)}
    ELSE CAST(${x} AS VARCHAR) END`;
}

function floatSql(x: string): string {
  const rounded = (digits: number) => `format('{:.${digits}g}', ${x})`;
  const shorter = DIGITS_OF_FLOAT.map(
    (digits) =>
      `WHEN CAST(${rounded(digits)} AS FLOAT) = ${x} THEN CAST(CAST(${rounded(digits)} AS DOUBLE) AS VARCHAR)`,
  );
  return `CASE WHEN CAST(${rounded(DIGITS_OF_FRACTION)} AS DOUBLE) = ${x} THEN CAST(${x} AS VARCHAR) ${shorter.join(" ")} END`;
}

/** A double holds any 15 digits. */
const DIGITS_OF_DOUBLE = 15;

function decimalSql(column: string, precision: number, scale: number): string {
  const asText = `CAST(${column} AS VARCHAR)`;
  if (scale === 0) return asText;
  if (precision <= DIGITS_OF_DOUBLE) return doubleSql(`CAST(${column} AS DOUBLE)`);
  return digitsSql(asText);
}

/**
 * SQL of the canonical text of a number that is written with digits and a point, with a digit before the point or none: of
 * a double if that holds its digits, or else of all digits.
 * @param double SQL of the number; it is computed several times
 */
export function digitsSql(text: string, double = `CAST(${text} AS DOUBLE)`): string {
  return shortestSql(`regexp_replace(rtrim(rtrim(${text}, '0'), '.'), '^(-?)\\.', '\\10.')`, double);
}

/** {@link digitsSql} of a number without zeros at its ends that could be left out. */
export function shortestSql(digits: string, double = `CAST(${digits} AS DOUBLE)`): string {
  const significant = `ltrim(replace(${digits}, '.', ''), '-0')`;
  // DuckDB's own conversion of more digits is not rounded correctly.
  return `CASE WHEN length(${significant}) <= ${DIGITS_OF_DOUBLE} THEN ${doubleSql(double)} ELSE ${digits} END`;
}
