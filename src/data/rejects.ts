import type { Duck } from "./duckdb.js";
import { textRows } from "./vectors.js";

/** A row that the text reader could not read. */
export interface MalformedRow {
  readonly file: string;
  /** 1-based. */
  readonly line: number;
  readonly column: string | null;
  readonly reason: string;
  readonly text: string | null;
}

/**
 * The malformed rows of a finished scan by file and line; a row with several faults is there once. */
export async function* readRejects(duck: Duck, rejects: string): AsyncGenerator<MalformedRow> {
  const sql = `
    SELECT file_path, line::VARCHAR, first(column_name), first(error_message), left(first(csv_line), ${textLimit})
    FROM (FROM ${rejects}_errors JOIN ${rejects}_scans USING (scan_id, file_id) ORDER BY column_idx)
    GROUP BY file_path, line, line_byte_position ORDER BY file_path, line_byte_position`;
  for await (const chunk of duck.stream(sql, "source"))
    for (const [file, line, column, message, text] of textRows(chunk))
      yield {
        file: file as string,
        line: Number(line),
        column,
        reason: `malformed row: ${reasonOf(message ?? "")}`,
        text,
      };
}

/** Characters kept of a malformed row. */
const textLimit = 1000;

/** What is wrong, without the value that is: reasons are counted, and there must be few of them. */
function reasonOf(message: string): string {
  return message
    .replace(/Could not convert string "[\s\S]*" to '([^']*)'[\s\S]*$/, "Not of type $1")
    .replace(/ Found: \d+[\s\S]*$/, "")
    .split("\n")[0]
    .slice(0, 200);
}
