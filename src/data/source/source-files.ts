import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, renameSync, statSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { ConfigError, DataError } from "../../errors.js";
import { canonicalText } from "../../features/canonical.js";
import { entriesOf } from "../../features/inputs.js";
import { isList } from "../../features/values.js";
import { nearNames } from "../../near-names.js";
import { hasTextKey, type SourceConfig } from "../data-config.js";
import { fromRowJson } from "../row-json.js";
import { type Demand, demandOfEvents } from "./demand.js";
import { type Duck, quoteText } from "./duckdb.js";
import { firstBytes } from "./file-content.js";
import { sqlFiles } from "./sql-files.js";
import { utf16Order } from "./text-encoding.js";

/** Identifies the state of a source file without reading it. */
export interface FileIdentity {
  readonly path: string;
  readonly bytes: number;
  readonly modified: number;
}

export type SourceFormat = "csv" | "tsv" | "parquet" | "json" | "libsvm" | "libffm";

export interface SourceFiles {
  readonly paths: readonly string[];
  readonly format: SourceFormat;
  /** Also of the files that only `sql` reads, and of those of tables of events. */
  readonly identity: readonly FileIdentity[];
  /** The files of tables of events, by sequence. */
  readonly events?: ReadonlyMap<string, SourceFiles>;
}

/**
 * Finds the files of a source: expands patterns (each in name order), detects the format, and refuses missing and empty
 * files. Rows from memory are written to a file with one JSON object per line, named by a hash of its content.
 */
export async function findFiles(
  duck: Duck,
  source: SourceConfig,
  where: string,
  scratchDir: string,
  demand: Demand,
): Promise<SourceFiles> {
  const files = await findOwnFiles(duck, source, where, scratchDir, demand);
  const events = new Map<string, SourceFiles>();
  for (const [sequence, table] of Object.entries(source.events ?? {})) {
    const ofTable = demandOfEvents(demand, sequence, table);
    events.set(sequence, await findOwnFiles(duck, table, `${where}.events.${sequence}`, scratchDir, ofTable));
  }
  if (events.size === 0) return files;
  const identity = [files, ...events.values()].flatMap((each) => each.identity);
  return { ...files, identity, events };
}

async function findOwnFiles(
  duck: Duck,
  source: SourceConfig,
  where: string,
  scratchDir: string,
  { wants }: Demand,
): Promise<SourceFiles> {
  const joined = await joinedFiles(duck, source, where);
  if (source.rows) {
    // A NaN is missing, but in columns of numbers it must stay NaN.
    const numeric = [...wants].filter(([, want]) => want === "number" || want === "imputed");
    const path = writeRows(source.rows, scratchDir, new Set(numeric.map(([name]) => name)));
    const { bytes } = identityOf(path, where);
    const identity = [{ path: basename(path), bytes, modified: 0 }, ...joined];
    return { paths: [path], format: "json", identity };
  }
  const patterns = typeof source.path === "string" ? [source.path] : (source.path ?? []);
  const found = await Promise.all(patterns.map((pattern) => expand(duck, pattern, where)));
  const paths = found.flat();
  const identity = paths.map((path) => identityOf(path, where));
  const format = source.format ?? formatOf(paths[0], where);
  const isUtf16 = source.encoding?.startsWith("utf-16");
  if (format !== "parquet" && !isUtf16) for (const path of paths) refuseUtf16(path, format, where);
  return { paths, format, identity: [...identity, ...joined] };
}

/** The files of a source that exists in part or not at all yet. Empty files are not written yet. */
export async function presentFiles(
  duck: Duck,
  { path = [] }: SourceConfig,
  where: string,
): Promise<readonly FileIdentity[]> {
  const patterns = typeof path === "string" ? [path] : path;
  const found = await Promise.all(patterns.map((pattern) => matching(duck, pattern, where)));
  const present = found.flat().filter((each) => isRemote(each) || statSync(each).size > 0);
  return present.map((each) => identityOf(each, where));
}

async function joinedFiles(duck: Duck, { sql }: SourceConfig, where: string): Promise<FileIdentity[]> {
  return sql === undefined ? [] : (await sqlFiles(duck, sql, `${where}.sql`)).map(fileState);
}

/** DuckDB would read it as UTF-8 with a zero byte after every letter, or fail. */
function refuseUtf16(path: string, format: SourceFormat, where: string): void {
  if (isRemote(path)) return;
  const order = utf16Order(firstBytes(path, 2));
  if (order === undefined) return;
  const convert = `onvert it with iconv -f UTF-16${order === "big" ? "BE" : "LE"} -t UTF-8 ${basename(path)}.`;
  throw new DataError({
    what: "the text file is UTF-16",
    where: `${where}.path`,
    got: `${path}, which is ${order}-endian UTF-16`,
    expected: "UTF-8",
    next: hasTextKey(format, "encoding") ? `Set encoding: "utf-16", or c${convert}` : `C${convert}`,
  });
}

/** The files of a pattern or path, in name order; none if there are none. */
async function matching(duck: Duck, pattern: string, where: string): Promise<string[]> {
  if (isRemote(pattern)) return [pattern];
  const path = resolve(pattern);
  if (existsSync(path)) return [path];
  if (!isPattern(pattern)) return [];
  const rows = await duck.rows(`SELECT file FROM glob(${quoteText(path)})`, where);
  return rows.map(([file]) => file as string).sort();
}

const isPattern = (path: string) => /[*?[]/.test(path);

async function expand(duck: Duck, pattern: string, where: string): Promise<string[]> {
  const found = await matching(duck, pattern, where);
  if (found.length > 0) return found;
  const path = resolve(pattern);
  if (!isPattern(pattern)) throw missingFile(path, where);
  throw new DataError({
    what: "no file matches the pattern",
    where: `${where}.path`,
    got: path,
    expected: "at least one file",
    next: `Check the pattern. Relative paths start at ${process.cwd()}.`,
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
    next: `Check the path. Relative paths start at ${process.cwd()}.`,
  });
}

/** @param path of a file that exists */
function fileState(path: string): FileIdentity {
  const { size, mtimeMs } = statSync(path);
  return { path, bytes: size, modified: mtimeMs };
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
      next: `Name the files in it, for example ${path}/*.parquet.`,
    });
  if (stat.size > 0) return fileState(path);
  throw new DataError({
    what: "the file is empty",
    where: `${where}.path`,
    got: `${path} (0 bytes)`,
    expected: "a file with rows",
    next: "Check the program that wrote it, or remove the file from path.",
  });
}

/** A URL: DuckDB reads it with its own extensions, and its size and time are unknown. */
export function isRemote(path: string): boolean {
  return /^[a-z][a-z0-9]+:\/\//i.test(path);
}

const EXTENSIONS: ReadonlyMap<string, SourceFormat> = new Map([
  ["csv", "csv"],
  ["tsv", "tsv"],
  ["tab", "tsv"],
  ["parquet", "parquet"],
  ["pq", "parquet"],
  ["json", "json"],
  ["jsonl", "json"],
  ["ndjson", "json"],
  ["libsvm", "libsvm"],
  ["svm", "libsvm"],
  ["libffm", "libffm"],
  ["ffm", "libffm"],
]);

/** The format that the name of a file tells, also in front of `.gz` and `.zst`. */
export function formatByName(path: string): SourceFormat | undefined {
  const extension = /\.([a-z]+)(\.gz|\.zst)?$/i.exec(basename(path))?.[1].toLowerCase();
  return extension === undefined ? undefined : EXTENSIONS.get(extension);
}

function formatOf(path: string, where: string): SourceFormat {
  const format = formatByName(path);
  if (format) return format;
  throw new ConfigError({
    what: "the format cannot be detected from the file name",
    where: `${where}.format`,
    got: path,
    expected: `an extension of ${[...EXTENSIONS.keys()].join(", ")}`,
    next: 'Set format to "csv", "tsv", "parquet", "json", "libsvm" or "libffm", or rename the file.',
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
  const entries = Object.entries(row).map(([key, value]): [string, unknown] => [key, fromRowJson(value)]);
  const present = entries.filter(([, value]) => value !== undefined);
  return objectJson(present, numeric);
}

function objectJson(entries: readonly [unknown, unknown][], numeric: ReadonlySet<string>): string {
  const fields = entries.map(([key, value]) => {
    // Keys of a map are ids or parts of them, also without a value.
    const name = canonicalText(key) ?? "";
    return `${textJson(name)}:${valueJson(value, numeric.has(name))}`;
  });
  return `{${fields.join(",")}}`;
}

/** Numbers that are not exact integers are written as fractions, so that nobody takes them for ids. */
function numberJson(value: number, numeric: boolean): string {
  if (!Number.isFinite(value)) return numeric ? `"${value}"` : "null";
  if (Object.is(value, -0)) return "-0.0";
  return Number.isInteger(value) && !Number.isSafeInteger(value) ? value.toExponential() : String(value);
}

/** JSON has no half of a surrogate pair; UTF-8, which serving hashes, writes U+FFFD for it. */
function textJson(text: string): string {
  return JSON.stringify(text.replace(/\p{Surrogate}/gu, "\ufffd"));
}

function valueJson(value: unknown, numeric: boolean): string {
  if (typeof value === "string") return textJson(value);
  if (typeof value === "bigint") return value.toString();
  if (typeof value === "number") return numberJson(value, numeric);
  if (value instanceof Date) return JSON.stringify(canonicalText(value) ?? null);
  if (isList(value)) return `[${Array.from(value, (x) => valueJson(x, numeric)).join(",")}]`;
  const entries = entriesOf(value);
  return entries ? objectJson(entries, new Set()) : JSON.stringify(value ?? null);
}
