import { isUtf8 } from "node:buffer";
import type { SourceInput } from "../data/data-config.js";
import { contentOf } from "../data/source/file-content.js";
import { formatByName, isRemote } from "../data/source/source-files.js";
import { textBytes } from "../data/source/text-bytes.js";
import { utf16Order } from "../data/source/text-encoding.js";
import { fieldsOf } from "../data/source/text-layout.js";
import { DataError } from "../errors.js";
import { columnsOf, givenColumns, shortHeader } from "./header.js";

/**
 * The layout of a text file, guessed from its first lines. Training never guesses: what is found here is written into the
 * config, where the user sees it.
 */

type Layout = Partial<
  Pick<SourceInput, "format" | "delimiter" | "skip" | "encoding" | "decimal" | "trim" | "columns">
>;

/** Lines that are looked at. */
const LINES = 500;
/** Lines at the top that may be no data. */
const MOST_SKIPPED = 20;
const DELIMITERS = [",", "\t", ";", "|", "::"];

/**
 * What the config of a source must say about a file so that it is read as its first lines suggest.
 * @param path a file that exists
 * @param names the names of the columns, if the user gave them
 * @param label the label that the user named: a first line that has it is a header
 * @throws DataError if the name of the file says that it has another format
 */
export async function guessLayout(
  path: string,
  names: readonly string[] | undefined,
  label: string | undefined,
): Promise<Layout> {
  const named = formatByName(path);
  const content = isRemote(path) ? undefined : contentOf(path);
  if (content === "Parquet") return named === undefined ? { format: "parquet" } : {};
  if (named !== undefined && !["csv", "tsv", "json"].includes(named)) return {};
  const head = await headOf(path);
  if (!head) return {};
  const [first = ""] = head.lines;
  if (named === undefined ? mayBeJson(first) : named === "json") {
    if (first !== "" && !mayBeJson(first)) throw otherFormat(path, "no JSON", "csv");
    return named === undefined ? { format: "json" } : {};
  }
  if (isJson(first)) throw otherFormat(path, "JSON", "json");
  return textLayout(head, named, names, label);
}

const mayBeJson = (line: string): boolean => /^\s*[{[]/.test(line);

/** The line opens an object or a list of objects. */
const isJson = (line: string): boolean => /^\s*(\{\s*("|$)|\[\s*(\{|$))/.test(line);

function otherFormat(path: string, content: string, extension: string): DataError {
  return new DataError({
    what: `the file has ${content}, unlike what its name says`,
    where: "data.path",
    got: path,
    expected: "a name that tells the format",
    next: `Rename the file: its name must end in .${extension}, also when the model scores such files.`,
  });
}

function textLayout(
  { encoding, lines }: Head,
  named: SourceInput["format"],
  names: readonly string[] | undefined,
  label: string | undefined,
): Layout {
  const delimiter = named === "tsv" ? "\t" : delimiterOf(lines);
  const records = lines.map((line) => fieldsOf(line, delimiter));
  const skip = linesAbove(records);
  const table = records.slice(skip).filter((_, i) => lines[skip + i] !== "");
  const isTsv = named === "tsv" || (named === undefined && delimiter === "\t");
  return {
    ...(named === undefined && { format: isTsv ? "tsv" : "csv" }),
    ...(!isTsv && delimiter !== "," && { delimiter }),
    ...(skip > 0 && { skip }),
    ...(encoding !== "utf-8" && { encoding }),
    ...(hasDecimalComma(table, delimiter) && { decimal: "," as const }),
    ...(hasSpaces(table) && { trim: true }),
    ...(names
      ? givenColumns(names, table, skip)
      : (shortHeader(records[skip - 1], table, label) ?? columnsOf(table, label))),
  };
}

/** Bytes that are looked at to tell UTF-8 from other encodings. */
const ENCODED_BYTES = 64e6;
/** Bytes that have the first lines. */
const HEAD_BYTES = 2 ** 18;

type Encoding = "utf-8" | "utf-16" | "windows-1252";

/** The first lines of a file, and the encoding. */
interface Head {
  readonly encoding: Encoding;
  readonly lines: readonly string[];
}

/** @returns undefined if the file cannot be read here */
async function headOf(path: string): Promise<Head | undefined> {
  const pieces = textBytes(path);
  if (!pieces) return undefined;
  let [read, rest, head] = [0, Buffer.alloc(0), Buffer.alloc(0)];
  let encoding: Encoding = "utf-8";
  for await (const piece of pieces) {
    if (head.length < HEAD_BYTES) head = Buffer.concat([head, piece]);
    if (read === 0 && utf16Order(piece)) encoding = "utf-16";
    read += piece.length;
    rest = Buffer.concat([rest, piece]);
    // The end may be in the middle of a character, a line feed is not.
    const end = rest.lastIndexOf(10) + 1;
    if (encoding === "utf-8" && !isUtf8(rest.subarray(0, end))) encoding = "windows-1252";
    rest = rest.subarray(end);
    if (read > ENCODED_BYTES || (encoding !== "utf-8" && head.length >= HEAD_BYTES)) break;
  }
  if (encoding === "utf-8" && read <= ENCODED_BYTES && !isUtf8(rest)) encoding = "windows-1252";
  return { encoding, lines: linesOf(head, encoding, read > head.length) };
}

function linesOf(head: Buffer, encoding: Encoding, isCut: boolean): string[] {
  const order = encoding === "utf-16" && utf16Order(head) === "big" ? "utf-16be" : encoding;
  const lines = new TextDecoder(order).decode(head).split(/\r\n|\n|\r/);
  // The last one is empty, or it may be cut.
  if ((isCut || lines.at(-1) === "") && lines.length > 1) lines.pop();
  return joinedQuotes(lines.slice(0, LINES));
}

/** Lines that a quoted field may reach over. */
const MOST_JOINED = 20;

/** Joins the lines of a field in quotes. */
function joinedQuotes(lines: readonly string[]): string[] {
  const records: string[] = [];
  for (let i = 0; i < lines.length; i++) {
    const end = lines.findIndex((_, at) => at >= i && isClosed(lines.slice(i, at + 1).join("\n")));
    const last = end < 0 || end - i > MOST_JOINED ? i : end;
    records.push(lines.slice(i, last + 1).join("\n"));
    i = last;
  }
  return records;
}

const isClosed = (text: string): boolean => text.split('"').length % 2 === 1;

/** The separator that gives most lines the same number of fields, above one; spaces only if nothing else separates any. */
function delimiterOf(lines: readonly string[]): string {
  const filled = lines.filter((line) => line !== "");
  const score = (delimiter: string) => {
    const widths = filled.map((line) => fieldsOf(line, delimiter).length);
    const width = mostFrequent(widths);
    const agreeing = widths.filter((each) => each === width).length;
    return { delimiter, width, score: width === 1 ? 0 : agreeing / filled.length };
  };
  const [best] = DELIMITERS.map(score).sort((a, b) => b.score - a.score || b.width - a.width);
  if (best.score > 0) return best.delimiter;
  return score(" ").score === 1 ? " " : ",";
}

function mostFrequent(values: readonly number[]): number {
  const counts = new Map<number, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return [...counts].sort((a, b) => b[1] - a[1])[0]?.[0] ?? 1;
}

/** Comments or a title above the data: lines with fewer fields than nearly all others. */
function linesAbove(records: readonly (readonly string[])[]): number {
  const width = mostFrequent(records.map(({ length }) => length));
  const first = records.findIndex(({ length }) => length >= width);
  return first > 0 && first <= MOST_SKIPPED ? first : 0;
}

const fieldsBelow = (table: readonly (readonly string[])[]) => table.slice(1).flat();

function hasDecimalComma(table: readonly (readonly string[])[], delimiter: string): boolean {
  if (delimiter === ",") return false;
  const fields = fieldsBelow(table);
  return (
    fields.some((field) => /^[+-]?\d+,\d+$/.test(field)) &&
    !fields.some((field) => /^[+-]?\d+\.\d+$/.test(field))
  );
}

/** True if fields start with a space, as after `, `. */
function hasSpaces(table: readonly (readonly string[])[]): boolean {
  const inner = table.flatMap((fields) => fields.slice(1));
  return inner.filter((field) => field.startsWith(" ")).length * 2 > inner.length;
}
