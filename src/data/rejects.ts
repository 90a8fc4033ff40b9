import type { Duck } from "./duckdb.js";

/** A row that the text reader could not read. */
export interface MalformedRow {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: string | null;
  readonly reason: string;
  readonly text: string | null;
}

/** The malformed rows of a finished scan by file and line; a row with several faults is there once. */
export async function readRejects(duck: Duck, rejects: string): Promise<MalformedRow[]> {
  const rows = await duck.rows(
    `SELECT file_path, line, first(column_name), first(error_message), first(csv_line)
     FROM (FROM ${rejects}_errors JOIN ${rejects}_scans USING (scan_id, file_id) ORDER BY column_idx)
     GROUP BY file_path, line, line_byte_position ORDER BY file_path, line_byte_position`,
    "source",
  );
  return rows.map(([file, line, column, message, text]) => ({
    file: file as string,
    line: Number(line),
    column,
    reason: `malformed row: ${message?.split("\n")[0]}`,
    text,
  }));
}
