import { createHash } from "node:crypto";
import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readSync,
  renameSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, DataError } from "../../errors.js";
import { canonicalText } from "../../features/canonical.js";
import { isList } from "../../features/values.js";
import { nearNames } from "../../near-names.js";
import type { SourceConfig } from "../data-config.js";
import { type Duck, quoteText } from "./duckdb.js";

/** What tells one state of a source from another without reading it. */
export interface FileIdentity {
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
}

export type SourceFormat = "csv" | "tsv" | "parquet" | "json";

export interface SourceFiles {
  readonly paths: readonly string[];
  readonly format: SourceFormat;
  readonly identity: readonly FileIdentity[];
}

/**
 * The files of a source: patterns expanded (each in name order), formats known, nothing missing or empty. Rows from
 * memory become a file of one JSON object a line, named by its content.
 *
 * @param numeric columns that features read as numbers, where a NaN of the rows must stay one
 */
export async function findFiles(
  duck: Duck,
  source: SourceConfig,
  where: string,
  scratchDir: string,
  numeric: ReadonlySet<string>,
): Promise<SourceFiles> {
  if (source.rows) {
    const path = writeRows(source.rows, scratchDir, numeric);
    const { bytes } = identityOf(path, where);
    return { paths: [path], format: "json", identity: [{ path: basename(path), bytes, modified: 0 }] };
  }
  const patterns = typeof source.path === "string" ? [source.path] : (source.path ?? []);
  const found = await Promise.all(patterns.map((pattern) => expand(duck, pattern, where)));
  const paths = found.flat();
  const identity = paths.map((path) => identityOf(path, where));
  const format = source.format ?? formatOf(paths[0], where);
  if (format !== "parquet") for (const path of paths) refuseUtf16(path, where);
  return { paths, format, identity };
}

/** Such text is read as UTF-8 with a zero after every letter, or not at all. */
function refuseUtf16(path: string, where: string): void {
  if (isRemote(path)) return;
  const file = openSync(path, "r");
  const head = Buffer.alloc(2);
  readSync(file, head, 0, 2, 0);
  closeSync(file);
  const mark = head.toString("hex");
  if (mark !== "fffe" && mark !== "feff") return;
  throw new DataError({
    what: "the text file is UTF-16",
    where: `${where}.path`,
    got: `${path}, which starts with the UTF-16 byte order mark`,
    expected: "UTF-8",
    next: `convert it: iconv -f UTF-16 -t UTF-8 ${basename(path)}`,
  });
}

async function expand(duck: Duck, pattern: string, where: string): Promise<string[]> {
  if (isRemote(pattern)) return [pattern];
  const path = resolve(pattern);
  if (existsSync(path)) return [path];
  if (!/[*?[]/.test(pattern)) throw missingFile(path, where);
  const rows = await duck.rows(`SELECT file FROM glob(${quoteText(path)})`, where);
  if (rows.length > 0) return rows.map(([file]) => file as string).sort();
  throw new DataError({
    what: "no file matches the pattern",
    where: `${where}.path`,
    got: path,
    expected: "at least one file",
    next: `check the pattern; relative paths start at ${process.cwd()}`,
  });
}

function missingFile(path: string, where: string): DataError {
  const folder = dirname(path);
  const siblings = existsSync(folder) ? readdirSync(folder) : [];
  const near = nearNames(basename(path), siblings, 3).slice(0, 10);
  return new DataError({
    what: "the file does not exist",
    where: `${where}.path`,
    got: path,
    expected: near.length > 0 ? `a file; the folder has ${near.join(", ")}` : `a file; ${folder} has none`,
    next: `check the path; relative paths start at ${process.cwd()}`,
  });
}

function identityOf(path: string, where: string): FileIdentity {
  if (isRemote(path)) return { path, bytes: 0, modified: 0 };
  const stat = statSync(path);
  if (stat.isDirectory())
    throw new DataError({
      what: "the path is a folder",
      where: `${where}.path`,
      got: path,
      expected: "files, or a pattern of files",
      next: `name the files in it: ${path}/*.parquet, say`,
    });
  const { size, mtimeMs } = stat;
  if (size > 0) return { path, bytes: size, modified: mtimeMs };
  throw new DataError({
    what: "the file is empty",
    where: `${where}.path`,
    got: `${path} (0 bytes)`,
    expected: "a file with rows",
    next: "check the program that wrote it, or leave the file out",
  });
}

/** A URL, which DuckDB reads through its own extensions and which has no size or time to look at. */
function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9]+:\/\//i.test(path);
}

const extensions: Record<string, SourceFormat> = {
  csv: "csv",
  tsv: "tsv",
  tab: "tsv",
  parquet: "parquet",
  pq: "parquet",
  json: "json",
  jsonl: "json",
  ndjson: "json",
};

function formatOf(path: string, where: string): SourceFormat {
  const extension =
    path
      .replace(/\.(gz|zst)$/i, "")
      .split(".")
      .at(-1)
      ?.toLowerCase() ?? "";
  const format = extensions[extension];
  if (format) return format;
  throw new ConfigError({
    what: "the format of the file is not known from its name",
    where: `${where}.format`,
    got: path,
    expected: `an extension of ${Object.keys(extensions).join(", ")}`,
    next: 'set format to "csv", "tsv", "parquet" or "json"',
  });
}

function writeRows(
  rows: readonly Record<string, unknown>[],
  scratchDir: string,
  numeric: ReadonlySet<string>,
): string {
  const text = rows.map((row) => `${rowJson(row, numeric)}\n`).join("");
  const path = join(scratchDir, `rows-${createHash("sha256").update(text).digest("hex").slice(0, 32)}.json`);
  if (existsSync(path)) return path;
  mkdirSync(scratchDir, { recursive: true });
  const temporary = `${path}.${process.pid}`;
  writeFileSync(temporary, text);
  renameSync(temporary, path);
  return path;
}

function rowJson(row: Record<string, unknown>, numeric: ReadonlySet<string>): string {
  const fields = Object.entries(row).flatMap(([key, value]) => {
    const json = valueJson(value, numeric.has(key));
    return json === undefined ? [] : [`${JSON.stringify(key)}:${json}`];
  });
  return `{${fields.join(",")}}`;
}

function valueJson(value: unknown, numeric: boolean): string | undefined {
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number" && !Number.isFinite(value)) return numeric ? `"${value}"` : "null";
  if (value instanceof Date) return JSON.stringify(canonicalText(value) ?? null);
  if (value instanceof Map) return rowJson(Object.fromEntries(value), new Set());
  if (isList(value)) return `[${Array.from(value, (x) => valueJson(x, numeric) ?? "null").join(",")}]`;
  return JSON.stringify(value);
}
