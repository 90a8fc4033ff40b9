import { listElement } from "../../features/sql-types.js";
import { quoteText } from "./duckdb.js";

/** Types of lists, maps and structs. */

export interface EntryTypes {
  readonly key: string;
  readonly value: string;
}

/** The types of a map's keys and values. */
export function mapTypes(type: string): EntryTypes | undefined {
  return /^MAP\((?<key>\w+(?:\([^)]*\))?), (?<value>.*)\)$/s.exec(type)?.groups as EntryTypes | undefined;
}

/** The fields of a STRUCT, with their names as DuckDB writes them; undefined for other types. */
export function structFields(type: string): ReadonlyMap<string, string> | undefined {
  const [, inner] = /^STRUCT\((.*)\)$/s.exec(type) ?? [];
  if (inner === undefined) return undefined;
  const fields = topLevelParts(inner).map((part) => /^("(?:[^"]|"")*"|\w+) (.*)$/s.exec(part));
  return fields.includes(null) ? undefined : new Map(fields.map((field) => [field![1], field![2]]));
}

/** The parts between commas that no bracket or quote encloses. */
function topLevelParts(text: string): string[] {
  const parts = [""];
  let depth = 0;
  for (const [token] of text.matchAll(/"(?:[^"]|"")*"|'(?:[^']|'')*'|, |./gs)) {
    if (token === "(") depth++;
    if (token === ")") depth--;
    if (token === ", " && depth === 0) parts.push("");
    else parts[parts.length - 1] += token;
  }
  return parts;
}

export const isNested = (type: string): boolean =>
  listElement(type) !== undefined || /^(MAP|STRUCT|UNION)\(/.test(type);

/** A type with each type inside it, that is no list, map or struct, replaced. */
export function mapLeaves(type: string, replace: (leaf: string) => string): string {
  const element = listElement(type);
  if (element !== undefined) return `${mapLeaves(element, replace)}${type.slice(element.length)}`;
  const map = mapTypes(type);
  if (map) return `MAP(${map.key}, ${mapLeaves(map.value, replace)})`;
  const fields = structFields(type);
  if (!fields) return replace(type);
  return `STRUCT(${[...fields].map(([name, field]) => `${name} ${mapLeaves(field, replace)}`).join(", ")})`;
}

/** An item of a list: no column has this name. */
export const ITEM = '"@item"';

/** SQL of a field, by the name that DuckDB gives it, which is quoted where it has to be. */
export function fieldSql(value: string, name: string): string {
  const plain = name.startsWith('"') ? name.slice(1, -1).replaceAll('""', '"') : name;
  return `struct_extract(${value}, ${quoteText(plain)})`;
}

/** SQL of a struct of these fields, by the names that DuckDB gives them; NULL where the value is. */
export function structSql(
  value: string,
  fields: readonly { readonly name: string; readonly sql: string }[],
): string {
  const list = fields.map(({ name, sql }) => `${name} := ${sql}`);
  return `CASE WHEN ${value} IS NOT NULL THEN struct_pack(${list.join(", ")}) END`;
}
