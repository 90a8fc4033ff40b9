import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { refuseOtherContent } from "./file-content.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-content-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const CSV = Buffer.from("x,y\n1,2\n");
const ZIP = Buffer.from("PK\u0003\u0004 and more");

function refusal(name: string, format: string, content: Buffer): unknown {
  const path = join(folder, name);
  writeFileSync(path, content);
  try {
    return refuseOtherContent(path, format, "data");
  } catch (error) {
    return (error as { report: object }).report;
  }
}

it.each<[string, string, Buffer]>([
  ["a.csv", "csv", CSV],
  ["a.csv.gz", "csv", gzipSync(CSV)],
  ["a.parquet", "parquet", Buffer.from("PAR1")],
  ["a.data", "parquet", Buffer.from("PAR1")],
  ["a.json", "json", Buffer.from("[")],
  ["a.csv", "csv", Buffer.from("PAR1,BZh,ORC\n1,2,3\n")],
  ["a.csv", "csv", Buffer.from("Object,PK\n1,2\n")],
])("%s as %s is what it says", (name, format, content) => {
  expect(refusal(name, format, content)).toBeUndefined();
});

it.each<[string, string, Buffer, RegExp, RegExp]>([
  ["a.csv", "csv", gzipSync(CSV), /is gzip$/, /ends in \.gz /],
  ["a.csv", "csv", ZIP, /ZIP archive or an Excel/, /Save the table as CSV/],
  ["a.csv", "csv", Buffer.from("<!DOCTYPE html><html>Sign in"), /is a web page$/, /Save the table as CSV/],
  ["a.csv", "csv", Buffer.from("PAR1"), /is Parquet$/, /ends in \.parquet /],
  ["a.csv.gz", "csv", CSV, /does not start like gzip$/, /extension of its content/],
  ["a.jsonl.zst", "json", gzipSync(CSV), /is gzip$/, /ends in \.gz /],
  ["a.parquet", "parquet", CSV, /does not start like Parquet$/, /extension of its content/],
  ["a.parquet", "parquet", gzipSync(CSV), /is gzip$/, /ends in \.gz /],
])("%s as %s with other content is refused", (name, format, content, got, next) => {
  expect(refusal(name, format, content)).toMatchObject({
    where: "data.path",
    got: expect.stringMatching(got),
    next: expect.stringMatching(next),
  });
});
