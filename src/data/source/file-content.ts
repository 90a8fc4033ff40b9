import { closeSync, openSync, readSync } from "node:fs";
import { DataError } from "../../errors.js";

/** What is no table of text, by the bytes at the start of a file, as Latin-1. Source: the specification of each. */
const SIGNATURES: readonly (readonly [start: string, content: string])[] = [
  ["PAR1", "Parquet"],
  ["\x1f\x8b", "gzip"],
  ["\x28\xb5\x2f\xfd", "zstd"],
  ["PK\x03\x04", "a ZIP archive or an Excel workbook"],
  ["\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Excel workbook"],
  ["BZh91AY&SY", "bzip2"],
  ["\xfd7zXZ\0", "xz"],
  ["ARROW1\0", "Arrow"],
  ["Obj\x01", "Avro"],
  ["SQLite format 3\0", "an SQLite database"],
  ["%PDF-", "a PDF"],
  ["<!DOCTYPE", "a web page"],
  ["<!doctype", "a web page"],
  ["<html", "a web page"],
];
const SIGNATURE_BYTES = 16;

/** What the first bytes of a local file say about its content; undefined for text. */
export function contentOf(path: string): string | undefined {
  const head = firstBytes(path, SIGNATURE_BYTES).toString("latin1");
  // A column of a text file may be called PAR1.
  if (/^PAR1[\t\r\n -~]/.test(head)) return undefined;
  return SIGNATURES.find(([start]) => head.startsWith(start))?.[1];
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
    expected: expected ?? `text (${format})`,
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
