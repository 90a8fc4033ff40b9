import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, expect, it } from "vitest";
import { guessLayout } from "./guess-layout.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-layout-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const NUMBERED = ["column0", "column1", "column2"];

function guess(name: string, content: string | Buffer, label?: string, names?: readonly string[]) {
  writeFileSync(join(folder, name), content);
  return guessLayout(join(folder, name), names, label);
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
  ["two colons", "a.dat", "1::5::x\n2::3::y\n", { format: "csv", delimiter: "::", columns: NUMBERED }],
  ["spaces only", "a.txt", "x y z\n1 2 3\n4 5 6\n", { format: "csv", delimiter: " " }],
  ["times with a space in a csv", "a.csv", "at\n2024-01-01 10:00\n2024-01-02 11:00\n", {}],
  ["json in a json", "a.json", '\ufeff[{"x":1}]', {}],
  ["parquet without an extension", "c", "PAR1", { format: "parquet" }],
  [
    "separators at the ends of lines",
    "a.csv",
    "x,y\n1,a,\n2,b,\n",
    { skip: 1, columns: ["x", "y", "column2"] },
  ],
  ["names of rows", "a.csv", "x,y\nr1,1,a\nr2,2,b\n", { skip: 1, columns: ["column0", "x", "y"] }],
  ["a title with a comma", "a.csv", "Sales, 2024\nx,y,z\n1,2,3\n4,5,6\n", { skip: 1 }],
  ["gzip", "a.csv.gz", gzipSync("x;y\n1;2\n"), { delimiter: ";" }],
])("%s", async (_, name, content, expected) => {
  expect(await guess(name, content)).toEqual(expected);
});

it("takes a first line with the label as the header, whatever it looks like", async () => {
  expect(await guess("a.csv", "2001,2002\n1,2\n", "2002")).toEqual({});
  expect(await guess("a.csv", "2001,2002\n1,2\n")).toEqual({ columns: ["column0", "column1"] });
});

it("takes names that are given for all columns, and leaves out a header", async () => {
  expect(await guess("a.csv", "1,a\n2,b\n", undefined, ["x", "y"])).toEqual({ columns: ["x", "y"] });
  expect(await guess("a.csv", "v,w\n1,a\n2,b\n", undefined, ["x", "y"])).toEqual({
    skip: 1,
    columns: ["x", "y"],
  });
  expect(await guess("a.csv", "?,b\n1,a\n", undefined, ["x", "y"])).toEqual({ columns: ["x", "y"] });
  for (const names of [["x"], ["x", "y", "z"]])
    await expect(guess("a.csv", "1,a\n2,b\n", undefined, names)).rejects.toMatchObject({
      report: { where: "--columns", expected: "2, for the columns of 1,a" },
    });
});

it.each([
  ["a.csv", '[{"x":1},\n{"x":2}]\n'],
  ["a.tsv", '[\n  {"x":1}\n]\n'],
  ["a.csv", '{"x":1}\n'],
  ["a.json", "x;y\n1;2\n"],
])("refuses %s with %j", async (name, content) => {
  await expect(guess(name, content)).rejects.toThrow(/unlike what its name says/);
});
