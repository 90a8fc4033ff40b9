import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Column, LABEL_COLUMN } from "../columns/columns.js";
import type { PairloomError } from "../errors.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

/* The next step of an error can be taken, and leads on. */

let folder: string;
let files = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-hints-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(text: string): string {
  const path = join(folder, `${files++}.csv`);
  writeFileSync(path, text);
  return path;
}

const prepare = (data: DataInput, features: FeatureInput[]) =>
  prepareData({
    data: dataSchema.parse({ cacheDir: join(folder, `cache${files++}`), ...data }),
    features: featuresSchema.parse(features),
  });

const nextOf = async (promise: Promise<unknown>): Promise<string> =>
  promise.then(
    () => expect.unreachable("no error"),
    (error: PairloomError) => error.report.next!,
  );

const x: FeatureInput = { kind: "number", name: "x" };

describe("the hint of a label of words", () => {
  it.each([
    ["label", ["no", "click", "no", "no"]],
    ["the label", ["'a'", "b", "b", "b"]],
  ])("gives a label in the column %s", async (column, words) => {
    const path = write(`x,${column}\n${words.map((word, i) => `${i},${word}`).join("\n")}\n`);
    const next = await nextOf(prepare({ train: { path }, label: column }, [x]));
    const sql = /: (SELECT .*)\.$/.exec(next)![1];
    const { splits } = await prepare({ train: { path, sql }, label: column }, [x]);
    const { data, offset, stride } = splits.train.columns.get(LABEL_COLUMN) as Extract<
      Column,
      { kind: "number" }
    >;
    expect(words.map((_, r) => data[offset + r * stride])).toEqual(
      words.map((word) => Number(word === words.find((w) => words.filter((v) => v === w).length === 1))),
    );
  });
});

describe("the hint of a text file that is read with another layout", () => {
  it.each([
    ["y, x\n1, 2\n0, 3\n", /^Set trim: true in/, { trim: true }],
    ["y;x\n1;2\n0;3\n", /^Set delimiter: ";" in/, { delimiter: ";" }],
    ["y\tx\n1\t2\n0\t3\n", /^Set delimiter: "\\t" in/, { delimiter: "\t" }],
  ])("names the key with which %j can be read", async (text, expected, keys) => {
    const path = write(text);
    expect(await nextOf(prepare({ train: { path }, label: "y" }, [x]))).toMatch(expected);
    expect((await prepare({ train: { path, ...keys }, label: "y" }, [x])).splits.train.rows).toBe(2);
  });

  it("names the encoding of a file that is not UTF-8", async () => {
    const path = join(folder, "latin.csv");
    writeFileSync(path, Buffer.from("y,x\n0,tea\n1,caf\xe9\n", "latin1"));
    const id: FeatureInput = { kind: "id", name: "x", hash: 10 };
    const next = await nextOf(prepare({ train: { path }, label: "y" }, [id]));
    expect(next).toContain('encoding: "windows-1252"');
    const read = await prepare({ train: { path, encoding: "windows-1252" }, label: "y" }, [id]);
    expect(read.splits.train.rows).toBe(2);
  });
});

it("an error about JSON has none of the hints of DuckDB, which name options that a config does not have", async () => {
  const path = join(folder, "twice.jsonl");
  writeFileSync(path, '{"y": 0, "x": 1}\n{"y": 1, "x": 1, "x": 2}\n');
  const feature: FeatureInput = { kind: "ids", name: "x", hash: 10, weighted: true };
  const error = await prepare({ train: { path }, label: "y" }, [feature]).then(String, String);
  expect(error).toMatch(/duplicate key/);
  expect(error).not.toMatch(/auto_detect|ignore_errors|If this error occurred/);
});

describe("the hint of rows that were refused", () => {
  const next = async (lines: string[], feature: FeatureInput = x) =>
    nextOf(prepare({ train: { path: write(`x,y\n${lines.join("\n")}\n`) }, label: "y" }, [feature]));

  it("does not name a limit that would not help", async () => {
    expect(await next(["1,5", "2,7"])).toMatch(/^Look at the rows in \S+, then fix the source\.$/);
    expect(await next(["1,1", "2,0", "3,7"])).toMatch(/, then fix the source, or raise data\.maxBadRows\.$/);
  });

  it("names the values of refused labels, and sql for labels 1 and 2", async () => {
    const path = write("x,y\n1,1\n2,2\n3,1\n4,2\n");
    const error: PairloomError = await prepare({ train: { path }, label: "y" }, [x]).then(
      () => expect.unreachable("no error"),
      (found) => found,
    );
    expect(error.report.got).toMatch(/: 2 × @label: neither 0 nor 1; refused labels are 2$/);
    const [sql] = /SELECT .* FROM source/.exec(error.report.next!)!;
    const { splits } = await prepare({ train: { path, sql }, label: "y" }, [x]);
    expect([splits.train.rows, splits.train.quarantined]).toEqual([4, 0]);
    expect(await next(["1,1", "2,2", "3,3"])).not.toMatch(/SELECT/);
  });

  it("names the values also where a scan stops early", async () => {
    const rows = Array.from({ length: 101_000 }, (_, i) => ({ x: i, y: 1 + (i % 2) }));
    const error = await prepare({ train: { rows }, label: "y" }, [x]).catch((found) => found);
    expect(error.report.got).toMatch(/refused labels are 2$/);
  });

  it("names the feature's own rules where a feature refuses them", async () => {
    const refuses: FeatureInput = { kind: "number", name: "x", missing: "refuse" };
    expect(await next(["1,1", ",0"], refuses)).toMatch(/let the features accept such values .* or raise/);
  });
});

it("a vocabulary without values is told to lower minCount only where it can be lowered", async () => {
  const path = write("x,y,u\n1,1,\n2,0,\n");
  const learned = (minCount: number): FeatureInput => ({ kind: "id", name: "u", vocabulary: { minCount } });
  expect(await nextOf(prepare({ train: { path }, label: "y" }, [learned(1)]))).not.toMatch(/minCount/);
  expect(await nextOf(prepare({ train: { path }, label: "y" }, [learned(2)]))).toMatch(
    /lower vocabulary\.minCount/,
  );
});

it("a refused row is told by the same keys in training and in a scan", async () => {
  const paths = [write("x,y\n1,1\ninf,0\n2,1\n"), write("x,y\n3,0\n4,1,9\n5,nan\n")];
  const { splits, features } = await prepare({ train: { path: paths }, label: "y", maxBadRows: 1 }, [x]);
  const packed = readFileSync(splits.train.quarantinePath, "utf8").trimEnd().split("\n");
  const scanned: unknown[] = [];
  for await (const { bad } of scanSource({ path: paths }, features, { label: "y" })) scanned.push(...bad);
  const ofTraining = packed.map((line) => JSON.parse(line)).filter(({ row }) => row !== undefined);
  expect(scanned.map((row) => ({ split: "train", ...(row as object) }))).toEqual(ofTraining);
  expect(ofTraining).toHaveLength(2);
});
