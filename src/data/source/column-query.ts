import { ConfigError } from "../../errors.js";
import { crossSql, microsecondsSql } from "../../features/canonical.js";
import type { Input } from "../../features/inputs.js";
import type { Reading } from "../../features/reading.js";
import { listElement } from "../../features/sql-types.js";
import { decimalPointSql, numberSql, trimmedSql } from "../../features/values.js";
import type { Want } from "./demand.js";
import { quoteName } from "./duckdb.js";
import {
  type ElementWire,
  elementSql,
  elementWire,
  entryTextsSql,
  isTextType,
  JSON_OBJECT,
  listSql,
  presentSql,
} from "./element-query.js";
import { isJsonText, jsonText, jsonTextsSql } from "./json-value.js";
import { mapTypes } from "./nested-types.js";
import { columnType, type Source } from "./source.js";
import { weightedItemsSql, weightedSql } from "./weighted-query.js";

/**
 * A SQL expression for one input of a feature: a value or a list. After it, only Pairloom's own transforms touch the value.
 * NULL means missing.
 */
export interface Wire {
  readonly sql: string;
  readonly reads: ElementWire["reads"] | `${ElementWire["reads"]}s` | "times";
}

/**
 * How the columns of a source are read. If features disagree, text wins over numbers, and numbers over targets. A column is
 * `imputed` if nobody refuses its rows.
 */
export function columnWants(readings: readonly Reading[], targets: readonly string[]): Map<string, Want> {
  const wants = new Map<string, Want>(targets.map((name) => [name, "target"]));
  for (const { column, as } of readings.flatMap(elementsOf))
    wants.set(column, stricter(as, wants.get(column)));
  return wants;
}

function stricter(as: Element["as"], other: Want = as): Want {
  if (as === "text" || other === "text") return "text";
  return as === "imputed" && other === "imputed" ? "imputed" : "number";
}

interface Element {
  readonly column: string;
  readonly as: Exclude<Want, "target">;
}

/** The columns of a reading, with the type of their elements. */
function elementsOf({ columns, as, imputes, weighted, derivation }: Reading): Element[] {
  if (derivation)
    return derivation.inputs.flatMap((input) =>
      "column" in input
        ? [{ column: input.column, as: input.as === "number" ? ("number" as const) : ("text" as const) }]
        : [],
    );
  // Weighted ids may be one text.
  const element = as === "text" || weighted ? "text" : imputes ? "imputed" : "number";
  return columns.map((column) => ({ column, as: element }));
}

/**
 * The SQL expressions of a feature: one, or one for each input column of a computed feature; for weighted ids two, the
 * lists of ids and the lists of weights; for a history two, its entries and the number of those that are left out.
 *
 * @param where the config path of the feature
 * @throws ConfigError if the column does not exist or has a type that the feature cannot read
 */
export function readingWires(reading: Reading, source: Source, where: string): Wire[] {
  const { derivation, separator, length, weighted } = reading;
  if (derivation)
    return derivation.inputs.flatMap((input) => ("column" in input ? [inputWire(input, source, where)] : []));
  if (length !== undefined) return [vectorWire(reading, length, source, where)];
  if (separator !== undefined && weighted) return weightedWires(reading, separator, source, where);
  if (separator !== undefined)
    return [bagWire(reading, separator, source, where), ...cutWire(reading, source)];
  return [scalarWire(reading, source, where)];
}

type ColumnInput = Extract<Input, { readonly column: string }>;

/** An input column of a computed feature: texts and lists without change, because the feature parses them itself. */
function inputWire(input: ColumnInput, source: Source, where: string): Wire {
  const { column: name, as, separator } = input;
  const { column, type } = readColumn(source, name, where);
  if (as === "number") return numberWire(name, as, source, where);
  if (as === "time" && !["VARCHAR", "JSON"].includes(type)) return timeWire({ column, type }, input, where);
  const item = itemName(source, "item");
  if (as === "lists")
    return {
      sql: must(listsSql({ column, type }, name, item, source), name, type, where, "text"),
      reads: "text",
    };
  const map = as === "texts" ? mapTypes(type) : undefined;
  if (map) {
    const texts = must(
      entryTextsSql(column, map, item, itemName(source, "inner")),
      name,
      type,
      where,
      "text",
    );
    return { sql: texts, reads: "texts" };
  }
  if (as === "texts" && type === "JSON") {
    const object = `CAST(${column} AS MAP(VARCHAR, JSON))`;
    const entries = entryTextsSql(object, JSON_OBJECT, item, itemName(source, "inner"))!;
    const text = elementSql(readElement(source, name, { column: item, type }, as), type, "text")!;
    return { sql: jsonTextsSql(column, separator, { item, text, entries }), reads: "texts" };
  }
  const isSplit = as === "texts" && type === "VARCHAR" && source.nullValues.length > 0;
  const element = as === "texts" ? (listElement(type) ?? (isSplit ? type : undefined)) : undefined;
  const value = element ? readElement(source, name, { column: item, type: element }, as) : column;
  const mapped = must(elementSql(value, element ?? type, "text"), name, type, where, "text");
  if (element === undefined) return { sql: mapped, reads: "text" };
  const list = isSplit
    ? `CASE WHEN ${column} <> '' THEN ${listSql(column, type, separator, item)} END`
    : column;
  return { sql: `list_transform(${list}, lambda ${item}: ${mapped})`, reads: "texts" };
}

/** Lists of lists as JSON with canonical texts; texts and JSON as they are. */
function listsSql(
  { column, type }: ReadColumn,
  name: string,
  item: string,
  source: Source,
): string | undefined {
  if (type === "VARCHAR" || type === "JSON") return `CAST(${column} AS VARCHAR)`;
  const entry = listElement(type);
  if (entry === undefined) return elementSql(column, type, "text");
  const id = listElement(entry);
  const inner = itemName(source, "inner");
  const ids = id === undefined ? undefined : elementSql(presentSql(inner, id, source.nullValues), id, "text");
  const cell = readElement(source, name, { column: item, type: entry }, "text");
  const text =
    id === undefined
      ? elementSql(cell, entry, "text")
      : ids && `list_transform(${item}, lambda ${inner}: ${ids})`;
  return text && `CAST(to_json(list_transform(${column}, lambda ${item}: ${text})) AS VARCHAR)`;
}

/** A name for elements of lists that no column of the source has: a lambda would read the column instead. */
export function itemName({ columns }: Pick<Source, "columns">, base: "item" | "inner"): string {
  const taken = new Set(columns.map(({ name }) => name.toLowerCase()));
  let name: string = base;
  while (taken.has(name)) name += "_";
  return quoteName(name);
}

/** A column of times: dates as such, or numbers of the unit of the input. */
function timeWire({ column, type }: ReadColumn, { column: name, unit }: ColumnInput, where: string): Wire {
  const milliseconds = millisecondsSql(column, type);
  if (milliseconds !== undefined) return { sql: milliseconds, reads: "times" };
  const number = type === "BOOLEAN" ? undefined : numberSql(column, type);
  if (number !== undefined && unit !== undefined) return { sql: number, reads: "number" };
  const next = number
    ? 'If the numbers are times since 1970, set unit: "seconds" or "milliseconds".'
    : "Derive a timestamp in sql.";
  throw wrongType(name, type, where, "a date, a timestamp, or text in ISO 8601", next);
}

/** Milliseconds since 1970, as a DOUBLE. */
function millisecondsSql(column: string, type: string): string | undefined {
  if (type === "DATE")
    return `CASE WHEN isfinite(${column}) THEN (${column} - DATE '1970-01-01') * 86400000.0::DOUBLE END`;
  // Rounded down, as canonical texts are: a JavaScript Date would round to 1970.
  if (!type.startsWith("TIMESTAMP")) return undefined;
  return `floor(epoch_us(${microsecondsSql(column, type)}) / 1000.0::DOUBLE)`;
}

/** A column as SQL, and its type. */
export interface ReadColumn {
  readonly column: string;
  readonly type: string;
}

/** A column as features read it: types whose values are written as texts are texts, and some texts mean missing. */
export function readColumn(source: Source, name: string, where: string): ReadColumn {
  const type = columnType(source, name, where);
  const quoted = quoteName(name);
  const column = source.trims ? trimmedValue(quoted, type) : quoted;
  if (type === "JSON") return { column: presentSql(column, type, source.nullValues), type };
  if (!isTextType(type)) return { column, type };
  const text = type === "VARCHAR" ? column : `CAST(${column} AS VARCHAR)`;
  return { column: presentSql(text, "VARCHAR", source.nullValues), type: "VARCHAR" };
}

/** A value without the white space around its text. */
function trimmedValue(column: string, type: string): string {
  if (type === "VARCHAR") return `nullif(${trimmedSql(column)}, '')`;
  if (type !== "JSON") return column;
  const text = `to_json(nullif(${trimmedSql(jsonText(column))}, ''))`;
  return `CASE WHEN ${isJsonText(column)} THEN ${text} ELSE ${column} END`;
}

/** A column that is read as one number. */
export function readNumber(source: Source, name: string, where: string): ReadColumn {
  const { column, type } = readColumn(source, name, where);
  return { column: source.hasDecimalComma ? pointedSql(column, type) : column, type };
}

/** A value with a decimal point in place of the comma of its text. */
function pointedSql(value: string, type: string): string {
  if (type === "VARCHAR") return decimalPointSql(value);
  if (type !== "JSON") return value;
  return `CASE WHEN ${isJsonText(value)} THEN to_json(${decimalPointSql(jsonText(value))}) ELSE ${value} END`;
}

/** An element of a list. The entries of a history are cells of events, the same rule as that of `cellReader` in TypeScript. */
export function readElement(
  { nullValues, cells, hasDecimalComma }: Source,
  name: string,
  { column, type }: ReadColumn,
  as: Reading["as"] | ColumnInput["as"],
): string {
  if (!cells?.isOfHistory(name)) return presentSql(column, type, nullValues);
  const cell = presentSql(cells.areTrimmed ? trimmedValue(column, type) : column, type, nullValues);
  return hasDecimalComma && (as === "number" || as === "integer") ? pointedSql(cell, type) : cell;
}

/** A scalar column as features read it; values of JSON are texts. */
export function readScalar(source: Source, name: string, where: string): ReadColumn {
  const read = readColumn(source, name, where);
  return read.type === "JSON" ? { column: jsonText(read.column), type: "VARCHAR" } : read;
}

export function scalarWire({ columns, as }: Reading, source: Source, where: string): Wire {
  const path = columns.length > 1 ? `${where}.columns` : `${where}.column`;
  if (as !== "text") return numberWire(columns[0], as, source, path);
  const parts = columns.map((name) => {
    const { column, type } = readColumn(source, name, path);
    return must(elementSql(column, type, as), name, type, path, as);
  });
  return { sql: parts.length === 1 ? parts[0] : crossSql(parts), reads: "text" };
}

/** A column of single numbers. */
export function numberWire(name: string, as: "number" | "integer", source: Source, where: string): Wire {
  const { column, type } = readNumber(source, name, where);
  return must(elementWire(column, type, as), name, type, where, as);
}

function listWire(list: string, item: string, { sql, reads }: ElementWire): Wire {
  return { sql: `list_transform(${list}, lambda ${item}: ${sql})`, reads: `${reads}s` };
}

function bagWire({ columns, as }: Reading, separator: string, source: Source, where: string): Wire {
  const [name] = columns;
  const path = `${where}.column`;
  const { column, type } = readColumn(source, name, path);
  const element = listElement(type) ?? type;
  const item = itemName(source, "item");
  const value = readElement(source, name, { column: item, type: element }, as);
  const wire = must(elementWire(value, element, as), name, type, path, as);
  return listWire(listSql(presentListSql(column, type), type, separator, item, as), item, wire);
}

/** An empty text is a missing list, as it is in CSV files; the same rule as `listValue` in TypeScript. */
export function presentListSql(column: string, type: string): string {
  return presentSql(column, type, [""]);
}

function cutWire({ columns: [name] }: Reading, { cuts }: Source): Wire[] {
  const cut = cuts?.get(name);
  return cut === undefined ? [] : [{ sql: `CAST(${quoteName(cut)} AS DOUBLE)`, reads: "number" }];
}

/** The ids and the weights of a weighted bag: two lists of equal length. */
function weightedWires({ columns, as }: Reading, separator: string, source: Source, where: string): Wire[] {
  const [name] = columns;
  const path = `${where}.column`;
  const { column, type } = readColumn(source, name, path);
  const item = itemName(source, "item");
  const { id, idType, weight } = weightedSql(type, item, source.nullValues);
  const ids = elementWire(id, idType, as);
  if (ids === undefined || weight === undefined)
    throw wrongType(name, type, path, WEIGHTED_FORMS, "Build a list of { key, value } in sql.");
  const items = weightedItemsSql(presentListSql(column, type), type, separator, item, as);
  return [ids, weight].map((wire) => listWire(items, item, wire));
}

const WEIGHTED_FORMS = "texts of the form id:weight, a map from ids to numbers, or a list of { key, value }";

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
  const item = itemName(source, "item");
  const isList = isText || type === "JSON";
  const element = listElement(type) ?? (isList ? type : "");
  const value = readElement(source, name, { column: item, type: element }, "number");
  const wire = elementWire(value, element, "number");
  if (wire === undefined)
    throw wrongType(
      name,
      type,
      path,
      `a list of ${length} numbers, or a text with them`,
      "Build the list in sql.",
    );
  const all = listSql(column, type, separator, item, "number");
  const list = isList
    ? `CASE WHEN ${trimmedSql(isText ? column : jsonText(column))} <> '' THEN ${all} END`
    : all;
  return listWire(list, item, wire);
}

function must<T extends string | ElementWire>(
  sql: T | undefined,
  column: string,
  type: string,
  where: string,
  as: Reading["as"],
): T {
  if (sql !== undefined) return sql;
  const expected = as === "text" ? "text, a number, a boolean, a date or a timestamp" : "a number";
  throw wrongType(column, type, where, expected, "Derive a column of such a type in sql.");
}

export function wrongType(
  column: string,
  type: string,
  where: string,
  expected: string,
  next: string,
): ConfigError {
  return new ConfigError({
    what: `the column ${column} has the wrong type`,
    where,
    got: type,
    expected,
    next,
  });
}
