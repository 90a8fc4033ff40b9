import { ConfigError } from "../../errors.js";
import { canonicalSql, crossSql, isRefusedSql } from "../../features/canonical.js";
import type { Input } from "../../features/inputs.js";
import { listTextSql } from "../../features/list-text.js";
import type { Reading } from "../../features/reading.js";
import { numberSql, trimmedSql } from "../../features/values.js";
import { quoteName, quoteText } from "./duckdb.js";
import { columnType, type Source, type Want } from "./source.js";

/**
 * A SQL expression for one input of a feature, with one of four result types. After it, only Pairloom's own transforms touch
 * the value. NULL means missing.
 */
export interface Wire {
  readonly sql: string;
  readonly reads: "text" | "number" | "texts" | "numbers";
}

/** How the columns of a source are read. If features disagree, text wins over numbers, and numbers over targets. */
export function columnWants(readings: readonly Reading[], targets: readonly string[]): Map<string, Want> {
  const wants = new Map<string, Want>(targets.map((name) => [name, "target"]));
  for (const { column, as } of readings.flatMap(elementsOf))
    if (as === "text") wants.set(column, "text");
    else if (wants.get(column) !== "text") wants.set(column, "number");
  return wants;
}

/** The columns of a reading, with the type of their elements. */
function elementsOf({
  columns,
  as,
  separator,
  length,
  weighted,
  derivation,
}: Reading): { column: string; as: "text" | "number" }[] {
  if (derivation)
    return derivation.inputs.flatMap((input) =>
      "column" in input
        ? [{ column: input.column, as: input.as === "number" ? ("number" as const) : ("text" as const) }]
        : [],
    );
  // A vector and weighted ids may be one text; a list of numbers stays a list in both cases.
  const isText = as === "text" || weighted || (separator !== undefined && length !== undefined);
  const element = isText ? "text" : "number";
  return columns.map((column) => ({ column, as: element }));
}

/**
 * The SQL expressions of a feature: one, or one for each input column of a computed feature; for weighted ids two, the
 * lists of ids and the lists of weights.
 *
 * @param where the config path of the feature
 * @throws ConfigError if the column does not exist or has a type that the feature cannot read
 */
export function readingWires(reading: Reading, source: Source, where: string): Wire[] {
  const { derivation, separator, length, weighted } = reading;
  if (derivation)
    return derivation.inputs.flatMap((input) =>
      "column" in input ? [inputWire(input.column, input.as, source, where)] : [],
    );
  if (length !== undefined) return [vectorWire(reading, length, source, where)];
  if (separator !== undefined && weighted) return weightedWires(reading, separator, source, where);
  if (separator !== undefined) return [bagWire(reading, separator, source, where)];
  return [scalarWire(reading, source, where)];
}

/** An input column of a computed feature: texts and lists without change, because the feature parses them itself. */
function inputWire(name: string, as: Input["as"], source: Source, where: string): Wire {
  const { column, type } = readColumn(source, name, where);
  if (as === "number") return { sql: must(numberSql(column, type), name, type, where, as), reads: "number" };
  const map = as === "texts" ? mapTypes(type) : undefined;
  if (map) {
    const key = must(canonicalSql("e.key", map.key), name, type, where, "text");
    const value = must(canonicalSql("e.value", map.value), name, type, where, "text");
    const refused = [key, value].map((part) => `WHEN ${isRefusedSql(part)} THEN ${part}`).join(" ");
    const entry = `CASE ${refused} ELSE ${key} || ':' || coalesce(${value}, '') END`;
    return { sql: `list_transform(map_entries(${column}), lambda e: ${entry})`, reads: "texts" };
  }
  const element = as === "texts" ? listElement(type) : undefined;
  const mapped = must(canonicalSql(element ? "x" : column, element ?? type), name, type, where, "text");
  if (element === undefined) return { sql: mapped, reads: "text" };
  return { sql: `list_transform(${column}, lambda x: ${mapped})`, reads: "texts" };
}

/** A column as SQL, and its type. */
export interface ReadColumn {
  readonly column: string;
  readonly type: string;
}

/** A column as features read it: types whose values are written as texts are texts, and some texts mean missing. */
export function readColumn(source: Source, name: string, where: string): ReadColumn {
  const type = columnType(source, name, where);
  const column = quoteName(name);
  if (!/^(VARCHAR|UUID|TIME|TIME WITH TIME ZONE|ENUM\(.*\))$/s.test(type)) return { column, type };
  const text = type === "VARCHAR" ? column : `CAST(${column} AS VARCHAR)`;
  const nulls = source.nullValues.map(quoteText).join(", ");
  return { column: nulls ? `CASE WHEN ${text} NOT IN (${nulls}) THEN ${text} END` : text, type: "VARCHAR" };
}

/** The types of a map's keys and values. */
function mapTypes(type: string): EntryTypes | undefined {
  return /^MAP\((?<key>\w+(?:\([^)]*\))?), (?<value>.*)\)$/.exec(type)?.groups as EntryTypes | undefined;
}

/** The types of the entries of a list of `{ key, value }`. */
function entryTypes(type: string): EntryTypes | undefined {
  const entries = /^STRUCT\("?key"? (?<key>\w+(?:\([^)]*\))?), "?value"? (?<value>.*)\)\[\d*\]$/;
  return entries.exec(type)?.groups as EntryTypes | undefined;
}

interface EntryTypes {
  readonly key: string;
  readonly value: string;
}

/** The SQL of a scalar number column: a label, a weight, a feature. */
export function targetWire(column: string, source: Source, where: string): Wire {
  const { type, column: raw } = readColumn(source, column, where);
  const sql = type === "VARCHAR" ? undefined : numberSql(raw, type);
  if (sql !== undefined) return { sql, reads: "number" };
  throw wrongType(column, type, where, "a number or a boolean", nextForTarget(column));
}

function nextForTarget(column: string): string {
  const derive = `Derive it in sql: SELECT * REPLACE (${column} = 'yes' AS ${column}) FROM source.`;
  return `${derive} If a few texts are between numbers, list them in nullValues or set types: { ${column}: "DOUBLE" }.`;
}

function scalarWire({ columns, as }: Reading, source: Source, where: string): Wire {
  const path = columns.length > 1 ? `${where}.columns` : `${where}.column`;
  const parts = columns.map((name) => {
    const { column, type } = readColumn(source, name, path);
    return must(elementSql(column, type, as), name, type, path, as);
  });
  return { sql: parts.length === 1 ? parts[0] : crossSql(parts), reads: as === "text" ? "text" : "number" };
}

function bagWire({ columns, as }: Reading, separator: string, source: Source, where: string): Wire {
  const [name] = columns;
  const path = `${where}.column`;
  const { column, type } = readColumn(source, name, path);
  const element = listElement(type) ?? type;
  const mapped = must(elementSql("x", element, as), name, type, path, as);
  const items = listSql(column, type, separator);
  return { sql: `list_transform(${items}, lambda x: ${mapped})`, reads: as === "text" ? "texts" : "numbers" };
}

/** The ids and the weights of a weighted bag: two lists of equal length; an id always has a weight that is not NULL. */
function weightedWires({ columns, as }: Reading, separator: string, source: Source, where: string): Wire[] {
  const [name] = columns;
  const path = `${where}.column`;
  const { column, type } = readColumn(source, name, path);
  const map = mapTypes(type);
  const items = map ? `map_entries(${column})` : listSql(column, type, separator);
  const element = listElement(type) ?? type;
  const entry = weightedSql(map ?? entryTypes(type), element);
  const id = elementSql(entry.id, entry.idType, as);
  if (id === undefined || entry.weight === undefined)
    throw wrongType(name, type, path, WEIGHTED_FORMS, "Build a list of { key, value } in sql.");
  const weight = `coalesce(${entry.weight}, CAST('nan' AS DOUBLE))`;
  return [
    { sql: `list_transform(${items}, lambda x: ${id})`, reads: as === "text" ? "texts" : "numbers" },
    { sql: `list_transform(${items}, lambda x: ${weight})`, reads: "numbers" },
  ];
}

const WEIGHTED_FORMS = "texts of the form id:weight, a map from ids to numbers, or a list of { key, value }";

/** SQL for the id and the weight of an element x; the same rule as `weightedIds` in TypeScript. */
function weightedSql(entry: EntryTypes | undefined, element: string) {
  if (entry) return { id: "x.key", idType: entry.key, weight: numberSql("x.value", entry.value) };
  if (element !== "VARCHAR") return { id: "x", idType: element, weight: "CAST(1 AS DOUBLE)" };
  const last = "split_part(x, ':', -1)";
  const id = `CASE WHEN contains(x, ':') THEN left(x, length(x) - length(${last}) - 1) ELSE x END`;
  const weight = `CASE WHEN contains(x, ':') THEN ${numberSql(last, "VARCHAR")} ELSE 1 END`;
  return { id, idType: "VARCHAR", weight };
}

/** A column as a list: the list itself, the parts of a text, or one value. */
function listSql(column: string, type: string, separator: string): string {
  if (listElement(type) !== undefined) return column;
  if (type === "VARCHAR") return listTextSql(column, separator, "x");
  return `CASE WHEN ${column} IS NOT NULL THEN [${column}] END`;
}

function vectorWire(
  { columns, separator = "," }: Reading,
  length: number,
  source: Source,
  where: string,
): Wire {
  const [name] = columns;
  const path = `${where}.column`;
  const { column, type } = readColumn(source, name, path);
  const isText = type === "VARCHAR";
  const mapped = numberSql("x", listElement(type) ?? (isText ? type : ""));
  if (mapped === undefined)
    throw wrongType(
      name,
      type,
      path,
      `a list of ${length} numbers, or a text with them`,
      "Build the list in sql.",
    );
  const list = isText
    ? `CASE WHEN ${trimmedSql(column)} <> '' THEN ${listTextSql(column, separator, "x")} END`
    : column;
  return { sql: `list_transform(${list}, lambda x: ${mapped})`, reads: "numbers" };
}

function must(
  sql: string | undefined,
  column: string,
  type: string,
  where: string,
  as: Reading["as"],
): string {
  if (sql !== undefined) return sql;
  const expected = as === "text" ? "text, a number, a boolean, a date or a timestamp" : "a number";
  throw wrongType(column, type, where, expected, "Derive a column of such a type in sql.");
}

function wrongType(column: string, type: string, where: string, expected: string, next: string): ConfigError {
  return new ConfigError({
    what: `the column ${column} has the wrong type`,
    where,
    got: type,
    expected,
    next,
  });
}

function elementSql(column: string, type: string, as: Reading["as"]): string | undefined {
  return as === "text" ? canonicalSql(column, type) : numberSql(column, type, as === "integer");
}

/** The element type of a list or an array type. */
function listElement(type: string): string | undefined {
  return /^(.*)\[\d*\]$/.exec(type)?.[1];
}
