/**
 * The canonical text of an id. Hashes and vocabularies see this text and nothing else, so a value must have the
 * same text whether it comes from a file or from a JavaScript object.
 *
 * - text: as it is, byte for byte; the empty text is missing
 * - integers of any type: decimal digits, with `-` below zero; `3.0` is the integer 3
 * - other numbers: the shortest digits that read back as the same number, exponents below 1e-4 as `1e-05`;
 *   NaN and the infinities are missing
 * - booleans: `true`, `false`
 * - dates and timestamps: ISO 8601 in UTC to the millisecond, `2001-01-31T08:15:00.000Z`; the date alone,
 *   `2001-01-31`, at midnight
 */

/** Separates the parts of a crossed id. */
const CROSS_SEPARATOR = "\u0001";

/** Returns the canonical text, `undefined` for a missing value, or `null` for a value that cannot be an id. */
export function canonicalText(value: unknown): string | undefined | null {
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
  return value instanceof Date ? dateText(value) : null;
}

/** The canonical text of a cross of values; missing if all of them are missing. */
export function canonicalCross(values: unknown[]): string | undefined | null {
  const texts = values.map(canonicalText);
  if (texts.includes(null)) return null;
  if (texts.every((text) => text === undefined)) return undefined;
  return texts.map((text) => text ?? "").join(CROSS_SEPARATOR);
}

function numberText(value: number): string | undefined {
  if (Number.isSafeInteger(value)) return String(value);
  if (!Number.isFinite(value)) return undefined;
  const size = Math.abs(value);
  if (Number.isInteger(value) && size < 2 ** 63) return BigInt(value).toString();
  if (size >= 1e-4 && size < 2 ** 63) return String(value);
  return value.toExponential().replace(/e([+-])(\d)$/, "e$10$2");
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
  if (type === "DATE") return `strftime(${column}, '%Y-%m-%d')`;
  if (type === "TIMESTAMP WITH TIME ZONE") return timestampSql(`(${column} AT TIME ZONE 'UTC')`);
  if (type.startsWith("TIMESTAMP")) return timestampSql(`CAST(${column} AS TIMESTAMP)`);
  if (/^(VARCHAR|UUID|TIME|ENUM)/.test(type)) return `CAST(${column} AS VARCHAR)`;
  if (/^(U?(TINY|SMALL|BIG|HUGE)INT|U?INTEGER|BOOLEAN)$/.test(type)) return `CAST(${column} AS VARCHAR)`;
  if (type === "FLOAT") return doubleSql(`CAST(CAST(${column} AS VARCHAR) AS DOUBLE)`);
  if (type === "DOUBLE") return doubleSql(column);
  if (type.startsWith("DECIMAL")) return doubleSql(`CAST(${column} AS DOUBLE)`);
  return undefined;
}

function timestampSql(t: string): string {
  const midnight = `date_trunc('day', ${t}) = ${t}`;
  return `CASE WHEN ${midnight} THEN strftime(${t}, '%Y-%m-%d') ELSE strftime(${t}, '%Y-%m-%dT%H:%M:%S.%gZ') END`;
}

function doubleSql(x: string): string {
  const whole = `${x} = trunc(${x}) AND abs(${x}) < 9223372036854775808.0`;
  const text = `CASE WHEN ${whole} THEN CAST(CAST(${x} AS BIGINT) AS VARCHAR) ELSE CAST(${x} AS VARCHAR) END`;
  return `CASE WHEN isfinite(${x}) THEN ${text} END`;
}
