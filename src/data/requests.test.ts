import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BagColumn, ColumnSet, FloatColumn, IdColumn } from "../columns/columns.js";
import { packRows } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, type SourceInput, sourceSchema } from "./data-config.js";
import { prepareData } from "./index.js";
import { scanSource } from "./source/scan.js";

/** A row has the same ids from a text file, from another file, and from a request with its texts; or all refuse it. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-requests-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function write(cells: readonly string[], extension = "csv"): string {
  const path = join(folder, `f${files++}.${extension}`);
  const line = (x: string, i: number) =>
    extension === "csv" ? `${i % 2},"${x.replaceAll('"', '""')}"\n` : `${JSON.stringify({ y: i % 2, x })}\n`;
  writeFileSync(path, `${extension === "csv" ? "y,x\n" : ""}${cells.map(line).join("")}`);
  return path;
}

const HASH: FeatureInput = { kind: "id", name: "k", column: "x", hash: 1_000_000 };
const BAG: FeatureInput = {
  kind: "ids",
  name: "k",
  column: "x",
  hash: 1_000_000,
  separator: "|",
  pooling: "sum",
};
const CROSS: FeatureInput = { kind: "id", name: "k", columns: ["x", "x"], hash: 1_000_000 };

async function train(source: Partial<SourceInput>, cells: readonly string[], feature = HASH) {
  const data = dataSchema.parse({
    ...{ train: { path: write(cells), ...source }, label: "y" },
    ...{ cacheDir: join(folder, "cache"), maxBadRows: 1 },
  });
  return (await prepareData({ data, features: featuresSchema.parse([feature]) })).features;
}
type Fitted = Awaited<ReturnType<typeof train>>;

function ids({ columns }: ColumnSet, row: number): unknown {
  const column = columns.get("k")!;
  if (column.kind === "ids")
    return [...column.values.slice(Number(column.offsets[row]), Number(column.offsets[row + 1]))];
  const { data, offset, stride } = column as IdColumn;
  return Number(data[offset + row * stride]);
}

async function fromFile(fitted: Fitted, source: SourceInput): Promise<unknown> {
  try {
    for await (const batch of scanSource(sourceSchema.parse(source), fitted))
      return batch.columns.rows === 1 ? ids(batch.columns, 0) : "refused";
  } catch (error) {
    return String(error).includes("column x") ? "refused" : error;
  }
}

function fromRequest(fitted: Fitted, x: unknown): unknown {
  const encoded = packRows(fitted, [{ x }]);
  return encoded.bad.length > 0 ? "refused" : ids(encoded, 0);
}

/** A row alone in a file of its own, and as a request. */
async function differences(source: Partial<SourceInput>, fitted: Fitted, cells: readonly string[]) {
  const found: string[] = [];
  const { sql, ...rest } = source;
  for (const cell of cells) {
    const csv = await fromFile(fitted, { path: write([cell]), ...rest, sql } as SourceInput);
    const json = await fromFile(fitted, { path: write([cell], "jsonl"), sql } as SourceInput);
    const request = fromRequest(fitted, cell === "" ? null : cell);
    const all = [csv, json, request].map((value) => JSON.stringify(value) ?? String(value));
    if (new Set(all).size > 1) found.push(`${JSON.stringify(cell)}: ${all.join(", ")}`);
  }
  return found;
}

it.each([
  ["an id", HASH],
  ["a bag", BAG],
  ["a cross", CROSS],
] as const)("trim holds for requests and other files: %s", async (_, feature) => {
  const source = { trim: true, nullValues: ["NA"] };
  const cells = [" b", "b\t", "b", " \t ", " NA ", "NA", "b |c ", "\u00a0b", " x\ny "];
  const fitted = await train(source, cells, feature);
  expect(fitted.trim).toBe(true);
  expect(await differences(source, fitted, cells)).toEqual([]);
  expect(fromRequest(fitted, "b\t")).toEqual(fromRequest(fitted, "b"));
  expect(fromRequest(fitted, "\u00a0b")).not.toEqual(fromRequest(fitted, "b"));
});

it("trim holds for the columns that sql makes", async () => {
  const source = { trim: true, sql: "SELECT y, concat('  ', x, '\t') AS x FROM source" };
  const fitted = await train(source, ["a", "b"]);
  const [alone] = [await fromFile(fitted, { path: write(["b"]), ...source })];
  expect(alone).toBe(fromRequest(fitted, "b"));
  expect(alone).toBe(fromRequest(fitted, "  b\t"));
});

it.each([
  { kind: "sequence" },
  { kind: "sequence", number: {} },
  { kind: "ids", missing: "refuse" },
  { kind: "ids", weighted: true, missing: "refuse" },
])(
  "an empty text is a missing list in every format: %j",
  async ({ number, ...settings }: Record<string, unknown>) => {
    const texts = ["a", "", "1|2"];
    const feature = {
      ...settings,
      ...(number ? { number } : { hash: 100 }),
      name: "x",
      separator: "|",
    } as FeatureInput;
    const rows = texts.map((x, y) => ({ x, y: y % 2 }));
    const csv = join(folder, "empty.csv");
    writeFileSync(csv, `x,y\n${rows.map(({ x, y }) => `${x},${y}`).join("\n")}\n`);
    const json = join(folder, "empty.jsonl");
    writeFileSync(json, rows.map((row) => `${JSON.stringify(row)}\n`).join(""));
    const bagOf = ({ columns }: ColumnSet) => {
      const { values, offsets, weights } = columns.get("x") as BagColumn;
      return [[...values].map(Number), [...offsets].map(Number), weights && [...weights]];
    };
    const found = [];
    for (const train of [{ path: csv }, { path: json }, { rows }]) {
      const data = dataSchema.parse({ train, label: "y", cacheDir: folder, maxBadRows: 1 });
      const { features, splits } = await prepareData({ data, features: featuresSchema.parse([feature]) });
      const encoded = packRows(features, rows);
      const bad = new Set(encoded.bad.map(({ row }) => row));
      const served = packRows(
        features,
        rows.filter((_, row) => !bad.has(row)),
      );
      expect(bagOf(splits.train!)).toEqual(bagOf(served));
      found.push(bagOf(served));
    }
    expect(found).toEqual([found[0], found[0], found[0]]);
  },
);

it("features that read no column have their values in other files", async () => {
  const feature: FeatureInput = { kind: "combine", name: "k", input: { constant: "7" }, buckets: 9 };
  const fitted = await train({}, ["a"], feature);
  expect(await fromFile(fitted, { path: write(["b"]) })).toEqual(fromRequest(fitted, "b"));
});

it("texts that are one number in the file are one id in requests", async () => {
  const fitted = await train({ types: { x: "DOUBLE" } }, ["100000"]);
  const texts = ["1e5", "100000", "100000.0", "1E5", 100000];
  expect(new Set(texts.map((text) => fromRequest(fitted, text))).size).toBe(1);
});

it("columns that sql makes have their types in requests", async () => {
  const source = { sql: "SELECT y, CAST(x AS DOUBLE) * 2 AS x FROM source" };
  const fitted = await train(source, ["1", "2.5"]);
  const row = await fromFile(fitted, { path: write(["3"]), ...source });
  expect([fromRequest(fitted, "6"), fromRequest(fitted, "6.0"), fromRequest(fitted, 6)]).toEqual([
    row,
    row,
    row,
  ]);
});

it("-0 is 0, as it is in columns of integers", async () => {
  const feature: FeatureInput = { kind: "number", name: "x", normalize: { expression: "atan(1 / x)" } };
  const rows = [-0, 0, "-0", "-0.0", 0.5].map((x, i) => ({ x, y: i % 2 }));
  const data = dataSchema.parse({ train: { rows }, label: "y", cacheDir: join(folder, "cache") });
  const { features, splits } = await prepareData({ data, features: featuresSchema.parse([feature]) });
  const numbersOf = ({ columns }: ColumnSet) => {
    const { data, offset, stride } = columns.get("x") as FloatColumn;
    return rows.map((_, row) => data[offset + row * stride]);
  };
  const right = [Math.PI / 2, Math.PI / 2, Math.PI / 2, Math.PI / 2, Math.atan(2)].map(Math.fround);
  expect(numbersOf(splits.train)).toEqual(right);
  expect(numbersOf(packRows(features, rows))).toEqual(right);
});

it("a column of infinities alone is a column of numbers", async () => {
  const rows = [Infinity, -Infinity, null].map((x, i) => ({ x, y: i % 2 }));
  const data = dataSchema.parse({ train: { rows }, label: "y", cacheDir: join(folder, "cache") });
  const features = featuresSchema.parse([{ kind: "number", name: "x", nonFinite: "impute", missing: 5 }]);
  const { splits } = await prepareData({ data, features });
  const { data: numbers, offset, stride } = splits.train.columns.get("x") as FloatColumn;
  expect(rows.map((_, row) => numbers[offset + row * stride])).toEqual([5, 5, 5]);
});

it("texts of columns without a declared type stay texts", async () => {
  const fitted = await train({}, ["1", "1.0"]);
  expect(fromRequest(fitted, "1")).not.toBe(fromRequest(fitted, "1.0"));
  expect(await differences({}, fitted, ["1e5", "1.0", "abc"])).toEqual([]);
});
