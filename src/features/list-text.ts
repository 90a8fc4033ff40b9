import { NO_LIST, noListSql } from "./canonical.js";

/**
 * A list written as a text in brackets, as JSON, Python and DuckDB write it: `[3, 5]`, `["a", null]`, `['a', 'b']`.
 * Elements are separated by commas, white space around them does not count, and quotes are removed. Any other text is parts
 * between separators. The same patterns read it in JavaScript and in SQL.
 */

const SPACE = "[ \\t\\r\\n]*";
const DOUBLE_QUOTED = '"(?:[^"\\\\]|\\\\[\\s\\S])*"';
const SINGLE_QUOTED = "'(?:[^'\\\\]|\\\\[\\s\\S])*'";
/** Reaches to the next comma or the end, with white space. */
const BARE = "[^ \\t\\r\\n,\"'\\[\\]][^,\\[\\]]*";
const ELEMENT = `${DOUBLE_QUOTED}|${SINGLE_QUOTED}|${BARE}`;
const PLACE = `${SPACE}(?:(?:${DOUBLE_QUOTED}|${SINGLE_QUOTED})${SPACE}|${BARE})?`;
const LIST = `\\[${PLACE}(?:,${PLACE})*\\]`;
/**
 * A part between separators may have brackets in pairs, such as `a [b]`. If one is left open, or all of the part is in brackets,
 * the text is most likely a broken list, a list of lists or an object.
 */
const PAIR = "\\[[^\\[\\]{}]*\\]|\\{[^\\[\\]{}]*\\}";
const IN_PAIRS = `[^\\[\\]{}]*(?:(?:${PAIR})[^\\[\\]{}]*)*`;
const ONE_PAIR = `${SPACE}(?:${PAIR})${SPACE}`;
/** Elements that are missing. */
const NULLS = ["null", "NULL", "None"];
const ANY_BRACKET = "[\\[\\]{}]";

const anyBracket = new RegExp(ANY_BRACKET, "u");
const wholeList = new RegExp(`^${LIST}$`, "u");
const anyElement = new RegExp(ELEMENT, "gu");
const inPairs = new RegExp(`^${IN_PAIRS}$`, "u");
const onePair = new RegExp(`^${ONE_PAIR}$`, "u");
const spaceAtEnd = /[ \t\r\n]+$/u;
const escaped = /\\([\s\S])/gu;

/** The elements of a text, missing ones as `null`. If its brackets are broken, they start with one that every feature refuses. */
export function listOfText(text: string, separator: string): readonly (string | null)[] {
  // Most texts have no brackets, and looking for one is fast.
  if (!anyBracket.test(text)) return text.split(separator);
  return bracketedList(text) ?? checked(text.split(separator));
}

function checked(parts: readonly string[]): readonly string[] {
  return parts.every((part) => inPairs.test(part) && !onePair.test(part)) ? parts : [NO_LIST, ...parts];
}

/** The elements, missing ones as `null`; `undefined` if the text is not a list in brackets. */
export function bracketedList(text: string): (string | null)[] | undefined {
  if (!text.startsWith("[") || !wholeList.test(text)) return undefined;
  return (text.match(anyElement) ?? []).map(elementText);
}

function elementText(element: string): string | null {
  if (element.startsWith('"')) return jsonText(element) ?? element.slice(1, -1);
  if (element.startsWith("'")) return element.slice(1, -1).replace(escaped, "$1");
  const text = element.replace(spaceAtEnd, "");
  return NULLS.includes(text) ? null : text;
}

function jsonText(element: string): string | undefined {
  try {
    return JSON.parse(element) as string;
  } catch {
    return undefined;
  }
}

/**
 * SQL that computes {@link listOfText} for a column of texts.
 * @param element a name for the parameter of a lambda
 * @param ofNumbers true if broken brackets may stay, because they are no numbers
 */
export function listTextSql(column: string, separator: string, element: string, ofNumbers = false): string {
  const isList = `starts_with(${column}, '[') AND regexp_full_match(${column}, ${quoted(LIST)})`;
  const elements = `regexp_extract_all(${column}, ${quoted(ELEMENT)})`;
  const texts = `list_transform(${elements}, lambda ${element}: ${elementSql(element)})`;
  const parts = `string_split(${column}, ${quoted(separator)})`;
  const read = `CASE WHEN ${isList} THEN ${texts}`;
  if (ofNumbers) return `${read} ELSE ${parts} END`;
  const matches = (pattern: string) => `regexp_full_match(${element}, ${quoted(pattern)})`;
  const broken = `list_filter(${parts}, lambda ${element}: NOT ${matches(IN_PAIRS)} OR ${matches(ONE_PAIR)})`;
  // The first condition is fast, and false for most texts.
  const isBroken = `regexp_matches(${column}, ${quoted(ANY_BRACKET)}) AND len(${broken}) > 0`;
  return `${read} WHEN ${isBroken} THEN list_prepend(${noListSql()}, ${parts}) ELSE ${parts} END`;
}

function elementSql(element: string): string {
  const inner = `${element}[2:-2]`;
  const bare = `rtrim(${element}, ' \t\r\n')`;
  return `CASE
    WHEN starts_with(${element}, '"') THEN
      CASE WHEN json_valid(${element}) THEN json_extract_string(${element}, '$') ELSE ${inner} END
    WHEN starts_with(${element}, '''') THEN regexp_replace(${inner}, '\\\\([\\s\\S])', '\\1', 'g')
    WHEN ${bare} NOT IN (${NULLS.map(quoted).join(", ")}) THEN ${bare} END`;
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "''")}'`;
}
