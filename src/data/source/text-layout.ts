import { ConfigError, DataError } from "../../errors.js";
import type { SourceConfig } from "../data-config.js";
import { type Duck, OWN_COLUMNS, quoteText } from "./duckdb.js";
import { repeatedNames } from "./repeated-names.js";
import type { SourceFiles } from "./source-files.js";
import { originalPath } from "./utf8-copies.js";

/**
 * The layout of text files: everything comes from the config and from the first line of each file. Nothing is guessed
 * from values, so a bad line anywhere is a bad line and no reason to misread the file.
 */

/** The columns of a text file, in order. */
interface TextColumns {
  readonly header: readonly string[];
  /** Names that differ: those of the header, but columns of the same name are called by their places. */
  readonly columns: readonly string[];
}

/** Consecutive files with the same columns in the same order. */
export interface TextPart extends TextColumns {
  readonly paths: readonly string[];
  /** @see compressionOption */
  readonly compression: string;
}

export async function textParts(
  duck: Duck,
  config: SourceConfig,
  { paths, format }: SourceFiles,
  where: string,
): Promise<TextPart[]> {
  const parts: (TextPart & { paths: string[] })[] = [];
  for (const path of paths) {
    const compression = compressionOption(path);
    const { header, columns } = await columnsOf(duck, config, delimiterOf(config, format), path, where);
    const last = parts.at(-1);
    if (last?.compression === compression && sameNames(last.columns, columns)) last.paths.push(path);
    else parts.push({ paths: [path], header, columns, compression });
  }
  return parts;
}

/** The reader's option, by the extension in letters of any case, unlike DuckDB's own detection. */
export function compressionOption(path: string): string {
  if (/\.gz$/i.test(path)) return ", compression = 'gzip'";
  return /\.zst$/i.test(path) ? ", compression = 'zstd'" : "";
}

export function delimiterOf({ delimiter }: SourceConfig, format: SourceFiles["format"]): string {
  return delimiter ?? (format === "tsv" ? "\t" : ",");
}

/** True if the first line of each file has the names of its columns. */
export function hasHeader({ header, columns }: SourceConfig): boolean {
  return header ?? columns === undefined;
}

function sameNames(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, i) => name === b[i]);
}

async function columnsOf(
  duck: Duck,
  config: SourceConfig,
  delimiter: string,
  path: string,
  where: string,
): Promise<TextColumns> {
  const first = fieldsOf(await firstRecord(duck, config, path, where), delimiter);
  const names = config.trim ? first.map((name) => name.trim()) : first;
  const given = config.columns ?? (hasHeader(config) ? names : []);
  if (first.some((name) => name.includes("\0"))) throw noText(originalPath(duck, path), where);
  if (given.length > first.length) throw tooFewColumns(config, first, where);
  return distinctNames(first.map((_, i) => given[i] || numbered(i, first.length)));
}

/** The name of column i of a file without names. */
export const numbered = (i: number, count: number) => `column${`${i}`.padStart(`${count - 1}`.length, "0")}`;

function tooFewColumns({ columns = [] }: SourceConfig, first: readonly string[], where: string): ConfigError {
  return new ConfigError({
    what: "the file has fewer columns than names in columns",
    where: `${where}.columns`,
    got: `${first.length} columns`,
    expected: `${columns.length} columns`,
    next: "Look at the first lines of the file. Check delimiter, and set skip if they are not data.",
  });
}

function distinctNames(header: readonly string[]): TextColumns {
  const repeated = repeatedNames(header);
  const columns = header.map((name, i) => (repeated.includes(name) ? `${name} (column ${i + 1})` : name));
  return { header, columns };
}

/** Lines that a quoted name may reach over. */
const HEADER_LINES = 20;

/** The first line after those to skip; more lines if a quote is open at its end. */
async function firstRecord(duck: Duck, config: SourceConfig, path: string, where: string): Promise<string> {
  // Lines that are not UTF-8 are left out: they are malformed rows, unless it is the first one.
  const rejects = "store_rejects = true, rejects_table = 'header_errors', rejects_scan = 'header_scans'";
  const sql = `SELECT line FROM ${linesSql([path], config, [rejects])} LIMIT ${HEADER_LINES}`;
  const lines = await duck.rows(sql, where);
  const [[first]] = await duck.rows("SELECT min(line) FROM header_errors", where);
  await duck.run("DROP TABLE header_errors; DROP TABLE header_scans", where);
  if (first !== null && Number(first) <= (config.skip ?? 0) + 1)
    throw notReadable(config, originalPath(duck, path), where);
  const quotes = (text: string) => text.split('"').length - 1;
  let record = lines[0]?.[0] ?? "";
  for (let i = 1; i < lines.length && quotes(record) % 2 === 1; i++) record += `\n${lines[i][0] ?? ""}`;
  // An open quote at the end is a fault of the line, not the start of a long name.
  return quotes(record) % 2 === 1 ? (lines[0]?.[0] ?? "") : record;
}

function notReadable({ encoding = "utf-8" }: SourceConfig, path: string, where: string): DataError {
  const isUtf8 = encoding === "utf-8";
  return new DataError({
    what: `the first line of the text file is not ${encoding.toUpperCase()}`,
    where: `${where}.path`,
    got: path,
    expected: isUtf8 ? "UTF-8" : "characters in this encoding",
    next: isUtf8
      ? 'Set encoding: "windows-1252" or "latin-1", or convert the file with iconv.'
      : "Set the encoding in which the file was written.",
  });
}

function noText(path: string, where: string): DataError {
  return new DataError({
    what: "the first line of the file has zero bytes, so it is no text",
    where: `${where}.path`,
    got: path,
    expected: "a text file",
    next: "Set format to that of the file, or write the table as CSV or Parquet with the program that made it.",
  });
}

/** The lines of files as one text column `line`; empty ones are null. */
export function linesSql(
  paths: readonly string[],
  { skip }: Pick<SourceConfig, "skip">,
  options: readonly string[] = [],
): string {
  const files = `[${paths.map(quoteText).join(", ")}]`;
  const all = [
    files,
    OWN_COLUMNS,
    "auto_detect = false, header = false, delim = '\x01', quote = '', escape = '', strict_mode = false",
    "columns = {'line': 'VARCHAR'}",
    ...(skip === undefined ? [] : [`skip = ${skip}`]),
    ...options,
  ];
  return `read_csv(${all.join(", ")}${compressionOption(paths[0])})`;
}

/** The fields of a line. */
export function fieldsOf(record: string, delimiter: string): string[] {
  const fields: string[] = [];
  for (let at = 0; at <= record.length; ) {
    const quoted = /^"((?:[^"]|"")*)"/.exec(record.slice(at));
    const start = quoted ? at + quoted[0].length : at;
    const found = record.indexOf(delimiter, start);
    const end = found < 0 ? record.length : found;
    fields.push(quoted ? quoted[1].replaceAll('""', '"') : record.slice(start, end));
    at = end + delimiter.length;
    if (found < 0) break;
  }
  return fields;
}
