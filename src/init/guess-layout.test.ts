import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { guessLayout } from "./guess-layout.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-layout-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function guess(name: string, content: string | Buffer, label?: string) {
  writeFileSync(join(folder, name), content);
  return guessLayout(join(folder, name), undefined, label);
}

it.each<[string, string, string | Buffer, object]>([
  ["a plain csv", "a.csv", "x,y\n1,2\n", {}],
  ["semicolons and decimal commas", "a.csv", "x;y\n1,5;2\n2;3,25\n", { delimiter: ";", decimal: "," }],
  ["semicolons and decimal points", "a.csv", "x;y\n1.5;2\na,b;3\n", { delimiter: ";" }],
  ["bars", "a.csv", "x|y\n1|2\n", { delimiter: "|" }],
  ["tabs in a csv", "a.csv", "x\ty\n1\t2\n", { delimiter: "\t" }],
  ["a tsv with commas in it", "a.tsv", "x\ty\n1,2,3\t2\n", {}],
  ["no extension", "a", "x\ty\n1\t2\n", { format: "tsv" }],
  ["json without an extension", "b", '{"x":1}\n', { format: "json" }],
  ["parquet is left alone", "a.parquet", "PAR1", {}],
  ["no header", "a.csv", "1,a\n2,b\n", { columns: ["column0", "column1"] }],
  [
    "no header, words only",
    "a.csv",
    "red,small\nred,large\nblue,small\n",
    { columns: ["column0", "column1"] },
  ],
  ["a header above words", "a.csv", "color,size\nred,large\nblue,small\n", {}],
  ["an index without a name", "a.csv", ",x\n0,a\n1,b\n", {}],
  ["a name over two lines", "a.csv", 'x,"y\nz"\n1,2\n', {}],
  ["comments above", "a.csv", "# a\n\nx,y\n1,2\n2,3\n", { skip: 2 }],
  ["spaces", "a.csv", "x, y\n1, 2\n", { trim: true }],
  ["windows-1252", "a.csv", Buffer.from("x,y\n1,é\n", "latin1"), { encoding: "windows-1252" }],
  ["utf-8 with accents", "a.csv", "x,y\n1,é\n", {}],
  ["utf-16", "a.csv", Buffer.from("\ufeffx,y\n1,2\n", "utf16le"), { encoding: "utf-16" }],
  ["gzip", "a.csv.gz", gzipSync("x;y\n1;2\n"), { delimiter: ";" }],
])("%s", async (_, name, content, expected) => {
  expect(await guess(name, content)).toEqual(expected);
});

it("takes a first line with the label as the header, whatever it looks like", async () => {
  expect(await guess("a.csv", "2001,2002\n1,2\n", "2002")).toEqual({});
  expect(await guess("a.csv", "2001,2002\n1,2\n")).toEqual({ columns: ["column0", "column1"] });
});
