import { writeFileSync } from "node:fs";
import { join } from "node:path";
import type { DuckDBConnection } from "@duckdb/node-api";
import type { SourceInput } from "../../src/data/data-config.js";
import type { RawRow } from "../../src/features/encoder.js";
import type { Cell } from "./columns.js";

/** One table written in a format, and the rows that a caller holds after reading it. */
export interface WrittenTable {
  readonly source: SourceInput;
  readonly rows: readonly RawRow[];
}

export interface Column {
  readonly name: string;
  readonly type: string;
  readonly cells: readonly Cell[];
}

/** `utf16`: CSV in UTF-16 with two more columns of the same name, which nothing reads. */
export type Format = "csv" | "tsv" | "utf16" | "json" | "parquet" | "rows";

export async function writeTable(
  connection: DuckDBConnection,
  folder: string,
  format: Format,
  columns: readonly Column[],
): Promise<WrittenTable> {
  const path = join(folder, `${format}-${columns.length}-${columns[0].cells.length}.${format}`);
  switch (format) {
    case "csv":
      writeFileSync(path, textFile(columns, ","));
      return { source: { path, header: true }, rows: rowsOf(columns, (cell) => cell.text) };
    case "tsv":
      writeFileSync(path, textFile(columns, "\t"));
      return { source: { path, header: true }, rows: rowsOf(columns, (cell) => cell.text) };
    case "utf16": {
      const twice = columns.slice(0, 2).map((column, i) => ({ ...column, name: ["twice", "Twice"][i] }));
      writeFileSync(path, Buffer.from(textFile([...columns, ...twice], ","), "utf16le").swap16());
      const source = { path, header: true, format: "csv", encoding: "utf-16" } as const;
      return { source, rows: rowsOf(columns, (cell) => cell.text) };
    }
    case "json":
      writeFileSync(path, jsonLines(columns));
      return { source: { path }, rows: rowsOf(columns, ({ json }) => parseExactly(json)) };
    case "parquet":
      await connection.run(
        `COPY (SELECT ${columns.map(columnSql).join(", ")}) TO '${path}' (FORMAT parquet)`,
      );
      return { source: { path }, rows: rowsOf(columns.map(inParquet), ({ js }) => js) };
    case "rows": {
      const rows = rowsOf(columns, ({ js }) => js);
      return { source: { rows: [...rows] }, rows };
    }
  }
}

function rowsOf(columns: readonly Column[], read: (cell: NonNullable<Cell>) => unknown): RawRow[] {
  return columns[0].cells.map((_, r) =>
    Object.fromEntries(columns.map(({ name, cells }) => [name, cells[r] === null ? null : read(cells[r])])),
  );
}

function textFile(columns: readonly Column[], separator: string): string {
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`;
  const header = columns.map(({ name }) => name).join(separator);
  const lines = columns[0].cells.map((_, r) =>
    columns.map(({ cells }) => (cells[r] === null ? "" : quoted(cells[r].text))).join(separator),
  );
  return `${[header, ...lines].join("\n")}\n`;
}

function jsonLines(columns: readonly Column[]): string {
  const fields = (r: number) => columns.map(({ name, cells }) => `"${name}":${cells[r]?.json ?? "null"}`);
  return columns[0].cells.map((_, r) => `{${fields(r).join(",")}}\n`).join("");
}

function columnSql({ name, type, cells }: Column): string {
  return `unnest(CAST([${cells.map((cell) => cell?.sql ?? "NULL").join(", ")}] AS ${type}[])) AS "${name}"`;
}

/** Parquet has no integers of 128 bits: DuckDB writes doubles. */
function inParquet(column: Column): Column {
  if (!/^U?HUGEINT$/.test(column.type)) return column;
  return { ...column, cells: column.cells.map((cell) => cell && { ...cell, js: Number(cell.js) }) };
}

/** JSON with its long integers as BigInt, as a careful caller reads it. */
function parseExactly(json: string): unknown {
  const marked = json.replace(/(?<=^|[:,[])-?\d{16,}(?=$|[,\]}])/g, '"bigint:$&"');
  return JSON.parse(marked, (_, value) =>
    typeof value === "string" && value.startsWith("bigint:") ? BigInt(value.slice(7)) : value,
  );
}
