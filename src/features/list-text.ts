/**
 * A list written as a text in brackets, as JSON, Python and DuckDB write it: `[3, 5]`, `["a", null]`, `['a', 'b']`.
 * Elements are separated by commas, white space around them does not count, and quotes are removed. The same patterns
 * read it in JavaScript and in SQL.
 */

const SPACE = "[ \\t\\r\\n]*";
const DOUBLE_QUOTED = '"(?:[^"\\\\]|\\\\[\\s\\S])*"';
const SINGLE_QUOTED = "'(?:[^'\\\\]|\\\\[\\s\\S])*'";
/** Reaches to the next comma or the end, with white space. */
const BARE = "[^ \\t\\r\\n,\"'\\[\\]][^,\\[\\]]*";
const ELEMENT = `${DOUBLE_QUOTED}|${SINGLE_QUOTED}|${BARE}`;
const PLACE = `${SPACE}(?:(?:${DOUBLE_QUOTED}|${SINGLE_QUOTED})${SPACE}|${BARE})?`;
const LIST = `\\[${PLACE}(?:,${PLACE})*\\]`;
/** Elements that are missing. */
const NULLS = ["null", "NULL", "None"];

const wholeList = new RegExp(`^${LIST}$`, "u");
const anyElement = new RegExp(ELEMENT, "gu");
const spaceAtEnd = /[ \t\r\n]+$/u;
const escaped = /\\([\s\S])/gu;

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
 * SQL for the list in a text column: the elements in brackets, or else the parts between separators.
 * @param element a name for the parameter of a lambda
 */
export function listTextSql(column: string, separator: string, element: string): string {
  const isList = `starts_with(${column}, '[') AND regexp_full_match(${column}, ${quoted(LIST)})`;
  const elements = `regexp_extract_all(${column}, ${quoted(ELEMENT)})`;
  const texts = `list_transform(${elements}, lambda ${element}: ${elementSql(element)})`;
  return `CASE WHEN ${isList} THEN ${texts} ELSE string_split(${column}, ${quoted(separator)}) END`;
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
