import { DataError } from "../../errors.js";
import type { Duck } from "./duckdb.js";
import { textRows } from "./vectors.js";

/** A row of a text file that DuckDB cannot parse. */
export interface MalformedRow {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: string | null;
  readonly reason: string;
  readonly text: string | null;
}

/**
 * The malformed rows of a finished scan, ordered by file and line. A row with several errors is listed once. An unclosed
 * quote makes the following lines malformed too; each is listed.
 *
 * @param rejects the names of the rejects tables of each part of the scan
 * @throws DataError if an unclosed quote makes so many lines unreadable that they cannot be counted
 */
export async function* readRejects(
  duck: Duck,
  rejects: readonly string[],
  where: string,
): AsyncGenerator<MalformedRow> {
  for (const table of rejects) yield* rejectsOf(duck, table, where);
}

async function* rejectsOf(duck: Duck, rejects: string, where: string): AsyncGenerator<MalformedRow> {
  const sql = `
    SELECT file_path, line::VARCHAR, first(column_name), first(error_message), first(csv_line)
    FROM (FROM ${rejects}_errors JOIN ${rejects}_scans USING (scan_id, file_id) ORDER BY column_idx)
    GROUP BY file_path, line, line_byte_position ORDER BY file_path, line_byte_position`;
  for await (const chunk of duck.stream(sql, where))
    for (const [file, line, column, message, text] of textRows(chunk)) {
      const reason = `malformed row: ${reasonOf(message ?? "")}`;
      const row = {
        file: file as string,
        line: Number(line),
        column,
        reason,
        text: text?.slice(0, 1000) ?? null,
      };
      if (text !== null && /unterminated quote/.test(reason)) yield* swallowedLines(row, text, where);
      else yield row;
    }
}

/** DuckDB keeps at most this many characters of a malformed row. */
const KEPT_CHARACTERS = 10_000;

function* swallowedLines(row: MalformedRow, text: string, where: string): Generator<MalformedRow> {
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
