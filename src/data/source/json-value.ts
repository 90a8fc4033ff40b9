import { canonicalSql, isRefusedSql, wrongTypeSql } from "../../features/canonical.js";
import { listTextSql } from "../../features/list-text.js";
import { listElement } from "../../features/sql-types.js";
import { fieldSql, ITEM, mapLeaves, mapTypes, structFields, structSql } from "./nested-types.js";

/** SQL for values of type JSON, each of which has a type of its own. */

/** The text of a JSON string, the digits of a number. */
export const jsonText = (value: string) => `(${value} ->> '$')`;

/** True if a JSON value is a text. */
export const isJsonText = (value: string) => isA(value, "VARCHAR");

export const isJsonObject = (value: string) => isA(value, "OBJECT");

/** True for a JSON value other than null; NULL for NULL. */
export const isJsonValue = (value: string) => `json_type(${value}) <> 'NULL'`;

const isA = (value: string, type: string) => `json_type(${value}) = '${type}'`;

/** The canonical text of a JSON scalar. Integers of any size keep their digits. */
export function jsonCanonicalSql(value: string): string {
  const text = jsonText(value);
  const fraction = canonicalSql(`CAST(${text} AS DOUBLE)`, "DOUBLE");
  return `CASE WHEN json_type(${value}) IN ('ARRAY', 'OBJECT') THEN ${wrongTypeSql()}
    WHEN ${isA(value, "DOUBLE")} AND NOT regexp_full_match(${text}, '-?[0-9]+') THEN ${fraction} ELSE ${text} END`;
}

/**
 * A JSON value as a text for SQL: numbers have their canonical texts, so that 7.0 is 7 in every column, also in lists; these and
 * objects stay JSON.
 * @param isId false for a column that only SQL reads: it may compute with numbers that are no exact ids
 */
export function jsonSqlText(value: string, isId: boolean): string {
  const [text, canonical] = [jsonText(value), jsonCanonicalSql(value)];
  const isKept = isId ? "" : ` AND NOT coalesce(${isRefusedSql(canonical)}, false)`;
  return `CASE WHEN ${isA(value, "DOUBLE")}${isKept} THEN ${canonical}
    WHEN ${isA(value, "ARRAY")} THEN ${jsonListText(value)} ELSE ${text} END`;
}

/** A JSON list as a text, in which numbers have their canonical texts. Refused ones are texts, which features refuse. */
function jsonListText(value: string): string {
  const canonical = jsonCanonicalSql(ITEM);
  const number = `CASE WHEN ${isRefusedSql(canonical)} THEN to_json(${canonical}) ELSE CAST(${canonical} AS JSON) END`;
  const item = `CASE WHEN ${isA(ITEM, "DOUBLE")} THEN ${number} ELSE ${ITEM} END`;
  return `CAST(to_json(list_transform(CAST(${value} AS JSON[]), lambda ${ITEM}: ${item})) AS VARCHAR)`;
}

/** The lists, maps and structs of a type with JSON values in place of texts. */
export const jsonForTexts = (type: string) => mapLeaves(type, (leaf) => (leaf === "VARCHAR" ? "JSON" : leaf));

/** The lists, maps and structs of a type with texts in place of JSON values. */
export const textsForJson = (type: string) => mapLeaves(type, (leaf) => (leaf === "JSON" ? "VARCHAR" : leaf));

/** {@link jsonSqlText} of each JSON value in a list, map or struct; other values stay. */
export function jsonSqlTexts(value: string, type: string, isId: boolean): string {
  if (type === "JSON") return jsonSqlText(value, isId);
  if (textsForJson(type) === type) return value;
  const element = listElement(type);
  if (element !== undefined)
    return `list_transform(${value}, lambda ${ITEM}: ${jsonSqlTexts(ITEM, element, isId)})`;
  const map = mapTypes(type);
  if (map) return `map(map_keys(${value}), ${jsonSqlTexts(`map_values(${value})`, `${map.value}[]`, isId)})`;
  const fields = [...structFields(type)!].map(([name, field]) => ({
    name,
    sql: jsonSqlTexts(fieldSql(value, name), field, isId),
  }));
  return structSql(value, fields);
}

/** A JSON value as a list of JSON values: the list itself, the parts of a text, or one value. */
export function jsonListSql(value: string, separator: string, item: string, ofNumbers = false): string {
  const parts = listTextSql(jsonText(value), separator, item, ofNumbers);
  return `CASE WHEN ${isA(value, "ARRAY")} THEN CAST(${value} AS JSON[])
    WHEN ${isJsonText(value)} THEN list_transform(${parts}, lambda ${item}: to_json(${item}))
    WHEN ${value} IS NULL OR ${isA(value, "NULL")} THEN NULL ELSE [${value}] END`;
}

/**
 * A JSON value as a list of texts: those of {@link jsonListSql}, or the entries of an object.
 * @param sql the name of an item, its text, and the texts of an object
 */
export function jsonTextsSql(
  value: string,
  separator: string,
  { item, text, entries }: { item: string; text: string; entries: string },
): string {
  const list = jsonListSql(value, separator, item);
  return `CASE WHEN ${isJsonObject(value)} THEN ${entries}
    WHEN ${jsonText(value)} <> '' THEN list_transform(${list}, lambda ${item}: ${text}) END`;
}
