import { decimalType, integerType, isInstantType, listElement } from "./sql-types.js";

/**
 * The texts that are values of a SQL type: the same in files, where SQL reads them, as in requests. White space around a text
 * does not count, and a text without anything else is missing.
 */

/** Regular expressions of JavaScript as well as of RE2, for texts without white space around them. */
export interface TypeTexts {
  /** The texts that are read. */
  readonly read: string;
  /** Those of which the type keeps every digit and the instant. */
  readonly exact: string;
  /** Numbers with an exponent that are read too. The type keeps them if they have at most {@link DOUBLE_DIGITS} digits. */
  readonly scientific?: string;
}

/** A double holds any decimal with this number of digits. */
export const DOUBLE_DIGITS = 15;

/** A word in any letter case. */
const word = (text: string) => text.replace(/[a-z]/g, (letter) => `[${letter}${letter.toUpperCase()}]`);

/** A number, an infinity, or NaN. */
export const NUMBER_TEXT = `[+-]?(?:(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)(?:[eE][+-]?[0-9]+)?|${word("nan")}|${word("inf")}(?:${word("inity")})?)`;

/** The words for truth values. */
export const [TRUE, FALSE] = [
  ["true", "t", "1", "yes", "y"],
  ["false", "f", "0", "no", "n"],
];
const TRUTH_TEXT = [...TRUE, ...FALSE].map(word).join("|");

const FRACTION = "[0-9]{1,9}";
const OFFSET = "([+-])(0[0-9]|1[0-5])(?::?([0-5][0-9]))?";
const ZONE = `(?:Z| UTC|${OFFSET})`;
/** Values of types without a time zone are in UTC. */
const UTC = "(?:Z| UTC|[+-]00(?::?00)?)";
const DAY = "([0-9]{4})(?:-([0-9]{1,2})-|/([0-9]{1,2})/)([0-9]{1,2})";

const clockText = (fraction: string, zone = "") =>
  `([01]?[0-9]|2[0-3]):([0-5]?[0-9])(?::([0-5]?[0-9])(?:\\.(${fraction}))?${zone && `${zone}?`})?`;
const instantText = (fraction: string, zone: string) => `${DAY}(?:[T ]${clockText(fraction, zone)})?`;
const MIDNIGHT = `${DAY}(?:[T ]00?:00?(?::00?(?:\\.0+)?${UTC}?)?)?`;

/** The digits of a second that types of instants keep. */
const DIGITS: Readonly<Record<string, number>> = { TIMESTAMP_S: 0, TIMESTAMP_MS: 3, TIMESTAMP_NS: 9 };

/** `undefined` for types whose texts are what DuckDB reads. */
export function textsOf(sqlType: string): TypeTexts | undefined {
  const element = listElement(sqlType);
  if (element !== undefined) return listTexts(textsOf(element));
  const integer = integerType(sqlType);
  const scale = integer ? 0 : decimalType(sqlType)?.scale;
  if (scale !== undefined) return decimalTexts(scale, integer?.signed ?? true);
  if (sqlType === "DATE") return { read: instantText(FRACTION, ZONE), exact: MIDNIGHT };
  if (isInstantType(sqlType)) return instantTexts(sqlType);
  const exact = EXACT_TEXTS[sqlType];
  return exact === undefined ? undefined : { read: exact, exact };
}

const EXACT_TEXTS: Readonly<Record<string, string>> = {
  DOUBLE: NUMBER_TEXT,
  FLOAT: NUMBER_TEXT,
  BOOLEAN: TRUTH_TEXT,
  TIME: clockText("[0-9]{1,6}"),
  "TIME WITH TIME ZONE": clockText("[0-9]{1,6}", OFFSET),
};

/** DuckDB rounds some numbers with an exponent wrongly, so these are apart. */
function decimalTexts(scale: number, signed: boolean): TypeTexts {
  const sign = signed ? "[+-]?" : "[+]?";
  return {
    scientific: `${sign}(?:[0-9]{1,15}|[0-9]\\.[0-9]{0,14})[eE][+-]?[0-9]{1,2}`,
    read: `${sign}(?:[0-9]+\\.?[0-9]*|\\.[0-9]+)`,
    exact: `${sign}(?:[0-9]+(?:\\.[0-9]{0,${scale}}0*)?${scale > 0 ? `|\\.[0-9]{1,${scale}}0*` : ""})`,
  };
}

function instantTexts(sqlType: string): TypeTexts {
  const zone = sqlType === "TIMESTAMP WITH TIME ZONE" ? ZONE : UTC;
  const digits = DIGITS[sqlType] ?? 6;
  const fraction = digits === 0 ? "0+" : `[0-9]{1,${digits}}0*`;
  return { read: instantText(FRACTION, ZONE), exact: instantText(fraction, zone) };
}

/** Elements between commas in brackets. */
function listTexts(texts: TypeTexts | undefined): TypeTexts | undefined {
  if (texts === undefined) return undefined;
  const listOf = (text: string) => {
    const element = `\\s*(?:${text}|${word("null")})\\s*`;
    return `\\[(?:\\s*|${element}(?:,${element})*)\\]`;
  };
  return { read: listOf(texts.read), exact: listOf(texts.exact) };
}
