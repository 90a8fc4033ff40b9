import { canonicalSql, isRefusedSql, wrongTypeSql } from "../../features/canonical.js";
import { listTextSql } from "../../features/list-text.js";
import type { Reading } from "../../features/reading.js";
import { listElement } from "../../features/sql-types.js";
import { numberSql } from "../../features/values.js";
import { quoteText } from "./duckdb.js";
import { isJsonText, jsonCanonicalSql, jsonListSql, jsonText } from "./json-value.js";
import { type EntryTypes, mapTypes } from "./nested-types.js";

/** SQL for one value of a DuckDB type, for lists, and for the entries of a map. */

/** SQL of a text or number from a value of a DuckDB type; `undefined` if the type cannot be one. */
export function elementSql(column: string, type: string, as: Reading["as"]): string | undefined {
  if (type === "JSON")
    return as === "text"
      ? jsonCanonicalSql(column)
      : numberSql(jsonText(column), "VARCHAR", as === "integer");
  return as === "text" ? canonicalSql(column, type) : numberSql(column, type, as === "integer");
}

/** SQL of a value as the encoder reads it. */
export interface ElementWire {
  readonly sql: string;
  /** `numberText`: a text that is read as a number; `integerText`: the same where NaN means missing. */
  readonly reads: "text" | "number" | "numberText" | "integerText";
}

/**
 * A value of a DuckDB type. The encoder parses texts of numbers: SQL for that takes long to plan and to run, and the text of
 * a refused row is shown.
 * @returns undefined if the type cannot be read so
 */
export function elementWire(value: string, type: string, as: Reading["as"]): ElementWire | undefined {
  if (as !== "text" && (type === "VARCHAR" || type === "JSON")) {
    const sql = type === "JSON" ? jsonText(value) : value;
    return { sql, reads: as === "integer" ? "integerText" : "numberText" };
  }
  const sql = elementSql(value, type, as);
  return sql === undefined ? undefined : { sql, reads: as === "text" ? "text" : "number" };
}

/** True for types whose values are texts, also if they are stored in another form. */
export function isTextType(type: string): boolean {
  return /^(VARCHAR|UUID|TIME|TIME WITH TIME ZONE|ENUM\(.*\))$/s.test(type);
}

/** A value or an element without the texts that mean missing. Types other than texts and JSON have no such text. */
export function presentSql(value: string, type: string, nullValues: readonly string[]): string {
  const isJson = type === "JSON";
  if (nullValues.length === 0 || !(isJson || isTextType(type))) return value;
  const text = isJson ? jsonText(value) : type === "VARCHAR" ? value : `CAST(${value} AS VARCHAR)`;
  const isNull = `${text} IN (${nullValues.map(quoteText).join(", ")})`;
  return `CASE WHEN NOT (${isJson ? `${isJsonText(value)} AND ${isNull}` : isNull}) THEN ${value} END`;
}

/** A column as a list: the list itself, the parts of a text, or one value. */
export function listSql(
  column: string,
  type: string,
  separator: string,
  item: string,
  as: Reading["as"] = "text",
): string {
  if (listElement(type) !== undefined) return column;
  if (type === "VARCHAR") return listTextSql(column, separator, item, as !== "text");
  if (type === "JSON") return jsonListSql(column, separator, item, as !== "text");
  // A single value without a text, such as NaN, is a missing list; the same rule as that of textsValue.
  const text = as === "text" ? canonicalSql(column, type) : undefined;
  return `CASE WHEN ${text ?? column} IS NOT NULL THEN [${column}] END`;
}

/** The entries of a map. A map of texts that has a key twice, as JSON may have, is no value: requests cannot have it. */
export function entriesSql(map: string, { key }: EntryTypes): string {
  if (key !== "VARCHAR") return `map_entries(${map})`;
  const keys = `map_keys(${map})`;
  const refused = `[struct_pack(key := ${wrongTypeSql()}, value := map_values(${map})[1])]`;
  return `CASE WHEN len(list_distinct(${keys})) < len(${keys}) THEN ${refused} ELSE map_entries(${map}) END`;
}

/** The types of the entries of a list of `{ key, value }`. */
export function entryTypes(type: string): EntryTypes | undefined {
  const entries = /^STRUCT\("?key"? (?<key>\w+(?:\([^)]*\))?), "?value"? (?<value>.*)\)\[\d*\]$/;
  return entries.exec(type)?.groups as EntryTypes | undefined;
}

/**
 * The entries of a map as texts `key:value`, of a map of maps as `key^inner:value,inner:value`; the same rule as
 * `inputReader` in TypeScript.
 */
export function entryTextsSql(
  map: string,
  types: EntryTypes,
  item: string,
  inner: string,
): string | undefined {
  const isJson = types.value === "JSON";
  const nested = isJson ? JSON_OBJECT : mapTypes(types.value);
  const pair = pairSql(item, types);
  const whole = nested && nestedSql(item, types.key, nested, inner);
  const both = isJson && `CASE WHEN json_type(${item}.value) = 'OBJECT' THEN ${whole} ELSE ${pair} END`;
  const text = both || (whole ?? pair);
  return text && `list_transform(${entriesSql(map, types)}, lambda ${item}: ${text})`;
}

export const JSON_OBJECT: EntryTypes = { key: "VARCHAR", value: "JSON" };

function pairSql(item: string, types: EntryTypes): string | undefined {
  const key = elementSql(`${item}.key`, types.key, "text");
  const value = elementSql(`${item}.value`, types.value, "text");
  if (key === undefined || value === undefined) return undefined;
  const refused = [key, value].map((part) => `WHEN ${isRefusedSql(part)} THEN ${part}`).join(" ");
  return `CASE ${refused} ELSE ${key} || ':' || coalesce(${value}, '') END`;
}

function nestedSql(item: string, keyType: string, types: EntryTypes, inner: string): string | undefined {
  const key = elementSql(`${item}.key`, keyType, "text");
  const pair = pairSql(inner, types);
  if (key === undefined || pair === undefined) return undefined;
  const entries = entriesSql(`CAST(${item}.value AS MAP(${types.key}, ${types.value}))`, types);
  const pairs = `array_to_string(list_transform(${entries}, lambda ${inner}: ${pair}), ',')`;
  const text = `${key} || '^' || coalesce(${pairs}, '')`;
  return `CASE WHEN contains(${text}, chr(0)) THEN ${wrongTypeSql()} ELSE ${text} END`;
}
