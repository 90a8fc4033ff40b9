import { DataError } from "../../errors.js";
import { textBytes } from "./text-bytes.js";

/** DuckDB names the number of a malformed record as its line, without the blank lines before it. */

const MALFORMED = /(?<=Malformed JSON in file "(?<path>[^\n]*)", at byte \d+ in )line (?<record>\d+)/;

/** An error of DuckDB with the line of the file, or with "record" where that is not known. */
export async function withJsonLine(error: unknown): Promise<unknown> {
  if (!(error instanceof DataError)) return error;
  const { got = "" } = error.report;
  const { path, record } = MALFORMED.exec(got)?.groups ?? {};
  if (path === undefined) return error;
  const line = await lineOf(path, Number(record));
  const place = line === undefined ? `record ${record}` : `line ${line}`;
  return new DataError({ ...error.report, got: got.replace(MALFORMED, place) }, { cause: error.cause });
}

const [TAB, LINE_FEED, RETURN, SPACE] = ["\t", "\n", "\r", " "].map((character) => character.charCodeAt(0));
const isSpace = (byte: number) => byte === SPACE || byte === TAB || byte === RETURN;

/** The line of a record in a file with a record in every line that is not blank, both from 1. */
async function lineOf(path: string, record: number): Promise<number | undefined> {
  let [line, records, isBlank] = [1, 0, true];
  for await (const bytes of textBytes(path) ?? [])
    for (const byte of bytes) {
      if (byte === LINE_FEED) line++;
      else if (isBlank && !isSpace(byte) && ++records === record) return line;
      isBlank = byte === LINE_FEED || (isBlank && isSpace(byte));
    }
  return undefined;
}
