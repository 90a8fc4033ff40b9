import { isUtf8 } from "node:buffer";
import type { SourceInput } from "../data/data-config.js";
import { formatByName } from "../data/source/source-files.js";
import { textBytes } from "../data/source/text-bytes.js";
import { utf16Order } from "../data/source/text-encoding.js";
import { fieldsOf, numbered } from "../data/source/text-layout.js";
import { instantOf } from "../features/instant.js";
import { numberValue } from "../features/values.js";

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
const DELIMITERS = [",", "\t", ";", "|"];

/**
 * What the config of a source must say about a file so that it is read as its first lines suggest.
 * @param path a file that exists
 * @param names the names of the columns, if the user gave them
 * @param label the label that the user named: a first line that has it is a header
 */
export async function guessLayout(
  path: string,
  names: readonly string[] | undefined,
  label: string | undefined,
): Promise<Layout> {
  const known = formatByName(path);
  if (known !== undefined && known !== "csv" && known !== "tsv") return {};
  const head = await headOf(path);
  if (!head) return {};
  const { encoding, lines } = head;
  if (known === undefined && /^\s*[{[]/.test(lines[0] ?? "")) return { format: "json" };
  const delimiter = known === "tsv" ? "\t" : delimiterOf(lines);
  const records = lines.map((line) => fieldsOf(line, delimiter));
  const skip = linesAbove(records);
  const table = records.slice(skip).filter((_, i) => lines[skip + i] !== "");
  const isTsv = known === "tsv" || (known === undefined && delimiter === "\t");
  return {
    ...(known === undefined && { format: isTsv ? "tsv" : "csv" }),
    ...(!isTsv && delimiter !== "," && { delimiter }),
    ...(skip > 0 && { skip }),
    ...(encoding !== "utf-8" && { encoding }),
    ...(hasDecimalComma(table, delimiter) && { decimal: "," as const }),
    ...(hasSpaces(table) && { trim: true }),
    ...columnsOf(table, names, label),
  };
}

/** Bytes that are looked at to tell UTF-8 from other encodings. */
const ENCODED_BYTES = 64e6;
/** Bytes that have the first lines. */
const HEAD_BYTES = 2 ** 18;

type Encoding = "utf-8" | "utf-16" | "windows-1252";

/** The first lines, and the encoding; undefined if the file cannot be read here. */
async function headOf(path: string): Promise<{ encoding: Encoding; lines: string[] } | undefined> {
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

/** The separator that gives most lines the same number of fields, above one. */
function delimiterOf(lines: readonly string[]): string {
  const filled = lines.filter((line) => line !== "");
  const found = DELIMITERS.map((delimiter) => {
    const widths = filled.map((line) => fieldsOf(line, delimiter).length);
    const width = mostFrequent(widths);
    const agreeing = widths.filter((each) => each === width).length;
    return { delimiter, width, score: width === 1 ? 0 : agreeing / filled.length };
  });
  found.sort((a, b) => b.score - a.score || b.width - a.width);
  return found[0].score === 0 ? "," : found[0].delimiter;
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

/** Names for a file without a header, given or numbered. */
function columnsOf(
  table: readonly (readonly string[])[],
  names: readonly string[] | undefined,
  label: string | undefined,
): Layout {
  if (names) return { columns: [...names] };
  const [first = [], ...rest] = table.map((fields) => fields.map((field) => field.trim()));
  if (isHeader(first, rest, label)) return {};
  return { columns: first.map((_, i) => numbered(i, first.length)) };
}

/** Names differ, are no numbers or dates, and are not among the values below them. */
function isHeader(
  first: readonly string[],
  rest: readonly (readonly string[])[],
  label: string | undefined,
): boolean {
  if (label !== undefined && first.includes(label)) return true;
  if (label !== undefined && /^column\d+$/.test(label)) return false;
  if (new Set(first).size < first.length || first.some(isValue)) return false;
  const isColumnOfValues = (i: number) => {
    const values = rest.map((fields) => fields[i] ?? "").filter((value) => value !== "");
    return values.length > 0 && values.every(isValue);
  };
  if (first.some((name, i) => name !== "" && isColumnOfValues(i))) return true;
  return !first.some((name, i) => rest.some((fields) => fields[i] === name));
}

const isValue = (text: string): boolean =>
  text !== "" && (Number.isFinite(numberValue(text.replace(",", "."))) || Number.isFinite(instantOf(text)));
