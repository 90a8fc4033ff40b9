import { randomUUID } from "node:crypto";
import { DataError } from "../../errors.js";
import type { Duck } from "./duckdb.js";
import { type FoundRecord, type Malformed, type RecordFormat, RecordScanner } from "./records.js";
import { textBytes } from "./text-bytes.js";
import { fieldsOf } from "./text-layout.js";
import { originalPath } from "./utf8-copies.js";
import { textRows } from "./vectors.js";

/** Where a message of a topic is. */
export interface MessagePlace {
  readonly topic: string;
  readonly partition: number;
  readonly offset: number;
}

/** A row of a text file that cannot be parsed, or of which SQL cannot see a value. */
export interface MalformedRow {
  readonly file: string;
  /** 1-based; absent if it is not known. */
  readonly line?: number;
  readonly column: string | null;
  readonly reason: string;
  readonly text: string | null;
  /** Instead of file and line: the row is a message. */
  readonly message?: MessagePlace;
}

/** A row of a text file that a feature refused. */
export interface Place {
  readonly file: string;
  /** 1-based line of its start. */
  readonly line: number;
  /** Its fields as they are written, by column. */
  readonly cells: ReadonlyMap<string, string>;
  /** Instead of file and line: the row is a message. */
  readonly message?: MessagePlace;
}

/** Rows of a finished scan to find in the files. */
export interface Refused {
  /** 1-based numbers among the well-formed rows of all files, ascending. */
  readonly rows: readonly number[];
  /** All well-formed rows. */
  readonly total: number;
}

/** A name for the tables of malformed rows of one query. */
export const newRejects = (): string => `rejects_${randomUUID().replaceAll("-", "")}`;

export const NO_ROWS: Refused = { rows: [], total: 0 };

/** Files that were read with one table of malformed rows. */
export interface ScannedPart {
  readonly table: string;
  readonly paths: readonly string[];
  readonly format: RecordFormat;
}

/** Rows that the reader reads, and that are left out afterwards. */
export interface UnfitRows {
  /** 1-based, among all rows that the reader reads, ascending. */
  readonly numbers: readonly number[];
  /** All rows that the reader reads. */
  readonly total: number;
  /** @param recordOf where a row is, if that is known */
  list(recordOf: (number: number) => UnfitRecord | undefined): AsyncGenerator<MalformedRow>;
}

export interface UnfitRecord {
  readonly line: number;
  readonly text: string;
}

/** What a scan of text files left out. */
export interface Unread {
  /**
   * The malformed rows, ordered by file and line. A row with several errors is listed once. An unclosed quote makes the
   * following lines malformed too; each is listed.
   * @throws DataError if an unclosed quote makes more lines unreadable than can be counted
   */
  readonly malformed: AsyncGenerator<MalformedRow>;
  /** Where the refused rows are; `undefined` if that is not known. */
  readonly places: readonly (Place | undefined)[];
}

/** Rows of text files whose place is looked for although no feature refuses them. */
const LOCATED_UNFIT = 1000;

export async function readUnread(
  duck: Duck,
  parts: readonly ScannedPart[],
  refused: Refused,
  unfit: UnfitRows | undefined,
  where: string,
): Promise<Unread> {
  const rows = amongAll(refused.rows, unfit?.numbers ?? []);
  const wanted = [...rows, ...(unfit?.numbers.slice(0, LOCATED_UNFIT) ?? [])].sort((a, b) => a - b);
  const { lines, found, records } = await findRecords(duck, parts, wanted, where);
  // Where the records counted here are not the rows that DuckDB has read, their lines are not known.
  const isSame = records === (unfit?.total ?? refused.total);
  const byNumber = new Map(isSame ? wanted.map((row, i) => [row, found[i]]) : []);
  async function* malformed(): AsyncGenerator<MalformedRow> {
    yield* rejectsOf(duck, parts, lines, where);
    if (unfit) yield* unfit.list((number) => byNumber.get(number));
  }
  return { malformed: malformed(), places: rows.map((row) => byNumber.get(row)) };
}

/** The numbers that rows have if those that are left out count too. */
function amongAll(rows: readonly number[], leftOut: readonly number[]): number[] {
  let before = 0;
  return rows.map((row) => {
    while (leftOut[before] <= row + before) before++;
    return row + before;
  });
}

interface FoundRecords {
  /** The lines of the malformed records, by path. */
  readonly lines: ReadonlyMap<string, readonly number[]>;
  /** The wanted records, in order. */
  readonly found: readonly (Place & { readonly text: string })[];
  /** Well-formed records of all files. */
  readonly records: number;
}

/** @param wanted 1-based numbers among the well-formed records of all files, ascending */
async function findRecords(
  duck: Duck,
  parts: readonly ScannedPart[],
  wanted: readonly number[],
  where: string,
): Promise<FoundRecords> {
  const lines = new Map<string, readonly number[]>();
  const found: (Place & { text: string })[] = [];
  let records = 0;
  for (const part of parts) {
    const positions = await positionsOf(duck, part.table, where);
    for (const path of part.paths) {
      const malformed = positions.get(path) ?? [];
      if (malformed.length === 0 && wanted.length === 0) continue;
      const before = records;
      const inFile = wanted.slice(found.length).map((row) => row - before);
      const scanned = await scanRecords(path, part, malformed, inFile);
      if (!scanned) continue;
      lines.set(path, scanned.malformedLines);
      const file = originalPath(duck, path);
      found.push(...scanned.found.map((record) => ({ ...placeOf(file, part, record), text: record.text })));
      records += scanned.records;
    }
  }
  return { lines, found, records };
}

function placeOf(file: string, { format }: ScannedPart, { line, text }: FoundRecord): Place {
  const fields = fieldsOf(text, format.delimiter);
  return { file, line, cells: new Map(format.columns.map((column, i) => [column, fields[i]])) };
}

async function scanRecords(
  path: string,
  { format }: ScannedPart,
  malformed: readonly Malformed[],
  wanted: readonly number[],
): Promise<RecordScanner | undefined> {
  const bytes = textBytes(path);
  if (!bytes) return undefined;
  const scanner = new RecordScanner(format, malformed, wanted);
  for await (const chunk of bytes) scanner.push(chunk);
  scanner.end();
  return scanner;
}

/** One row for each malformed record: `line_byte_position` may be that of the line end before it. */
const listedSql = (table: string) => `
  SELECT file_path, line::VARCHAR AS line, first(column_name) AS column_name, first(error_message) AS message,
    first(ltrim(csv_line, chr(10) || chr(13))) AS text,
    (line_byte_position - 1 + first(coalesce(strlen(csv_line) - strlen(ltrim(csv_line, chr(10) || chr(13))), 0)))::VARCHAR AS position
  FROM (FROM ${table}_errors JOIN ${table}_scans USING (scan_id, file_id) ORDER BY column_idx)
  GROUP BY file_path, line_byte_position, line ORDER BY file_path, line_byte_position`;

const UNCLOSED = "unterminated quote";

async function positionsOf(duck: Duck, table: string, where: string): Promise<Map<string, Malformed[]>> {
  const sql = `SELECT file_path, position, CASE WHEN contains(message, '${UNCLOSED}') THEN strlen(text)::VARCHAR END
    FROM (${listedSql(table)})`;
  const found = new Map<string, Malformed[]>();
  for await (const chunk of duck.stream(sql, where))
    for (const [path, position, swallowed] of textRows(chunk)) {
      const malformed = found.get(path as string) ?? [];
      malformed.push({
        position: Number(position),
        ...(swallowed !== null && { swallowed: Number(swallowed) }),
      });
      found.set(path as string, malformed);
    }
  return found;
}

async function* rejectsOf(
  duck: Duck,
  parts: readonly ScannedPart[],
  lines: ReadonlyMap<string, readonly number[]>,
  where: string,
): AsyncGenerator<MalformedRow> {
  for (const { table } of parts) {
    const seen = new Map<string, number>();
    for await (const chunk of duck.stream(listedSql(table), where))
      for (const [path, counted, column, message, text] of textRows(chunk)) {
        const index = seen.get(path as string) ?? 0;
        seen.set(path as string, index + 1);
        const file = originalPath(duck, path as string);
        const line = lines.get(path as string)?.[index] ?? Number(counted);
        const reason = `malformed row: ${reasonOf(message ?? "")}`;
        const row = { file, line, column, reason, text: text?.slice(0, 1000) ?? null };
        if (text !== null && reason.includes(UNCLOSED)) yield* swallowedLines(row, text, where);
        else yield row;
      }
  }
}

/** DuckDB keeps at most this many characters of a malformed row. */
const KEPT_CHARACTERS = 10_000;

function* swallowedLines(
  row: MalformedRow & { readonly line: number },
  text: string,
  where: string,
): Generator<MalformedRow> {
  if (text.length >= KEPT_CHARACTERS || Buffer.byteLength(text) >= KEPT_CHARACTERS)
    throw new DataError({
      what: "a quote is not closed, so the lines after it cannot be read",
      where,
      got: `${row.file}, line ${row.line}: ${text.slice(0, 80).split(/\r?\n/)[0]}`,
      expected: "a closing quote",
      next: "Close or remove the quote.",
    });
  const lines = text.replace(/\r?\n$/, "").split(/\r?\n/);
  for (const [i, line] of lines.entries()) yield { ...row, line: row.line + i, text: line };
}

/** The error without the value: reasons are counted, so there must be few different ones. */
function reasonOf(message: string): string {
  return message
    .replace(/Could not convert string "[\s\S]*" to '([^']*)'[\s\S]*$/, "Not of type $1")
    .replace(/ Found: \d+[\s\S]*$/, "")
    .split("\n")[0]
    .slice(0, 200);
}
