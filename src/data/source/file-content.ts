import { closeSync, openSync, readSync } from "node:fs";
import { DataError } from "../../errors.js";

/** Formats that are no text, by the bytes at the start of a file. Source: the specification of each. */
const SIGNATURES: readonly (readonly [hex: string, content: string])[] = [
  ["50415231", "Parquet"],
  ["1f8b", "gzip"],
  ["28b52ffd", "zstd"],
  ["504b0304", "a ZIP archive or an Excel workbook"],
  ["d0cf11e0a1b11ae1", "an Excel workbook"],
  ["425a68", "bzip2"],
  ["fd377a585a00", "xz"],
  ["4152524f5731", "Arrow"],
  ["4f626a01", "Avro"],
  ["4f5243", "ORC"],
  ["53514c69746520666f726d6174", "an SQLite database"],
  ["25504446", "a PDF"],
  ["3c21444f4354595045", "a web page"],
  ["3c21646f6374797065", "a web page"],
  ["3c68746d6c", "a web page"],
];
const SIGNATURE_BYTES = 16;

/** What the first bytes of a local file say about its content; undefined for text. */
export function contentOf(path: string): string | undefined {
  const head = firstBytes(path, SIGNATURE_BYTES).toString("hex");
  return SIGNATURES.find(([signature]) => head.startsWith(signature))?.[1];
}

/** The first bytes of a local file: `count`, or all if it has fewer. */
export function firstBytes(path: string, count: number): Buffer {
  const file = openSync(path, "r");
  const head = Buffer.alloc(count);
  const length = readSync(file, head, 0, count, 0);
  closeSync(file);
  return head.subarray(0, length);
}

const EXTENSIONS: Readonly<Record<string, string>> = { gzip: "gz", zstd: "zst", Parquet: "parquet" };

/** @throws DataError if a local file has other content than its format and name say */
export function refuseOtherContent(path: string, format: string, where: string): void {
  const content = contentOf(path);
  const compression = /\.gz$/i.test(path) ? "gzip" : /\.zst$/i.test(path) ? "zstd" : undefined;
  const expected = format === "parquet" ? "Parquet" : compression;
  if (content === expected) return;
  throw new DataError({
    what: "the content of the file is not what its name or format says",
    where: `${where}.path`,
    got: `${path}, which ${content === undefined ? `does not start like ${expected}` : `is ${content}`}`,
    expected: expected ?? `${format}, a text`,
    next: nextFor(content),
  });
}

function nextFor(content: string | undefined): string {
  if (content === undefined)
    return "Download or write the file again, or give it the extension of its content.";
  const extension = EXTENSIONS[content];
  if (extension !== undefined) return `Rename the file: a name that ends in .${extension} says what it is.`;
  return "Save the table as CSV or Parquet with the program that wrote the file.";
}
