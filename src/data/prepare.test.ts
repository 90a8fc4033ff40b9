import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import type { Column, ColumnSet } from "../columns/columns.js";
import { ConfigError, DataError } from "../errors.js";
import { packRows } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { murmur3 } from "../murmur3.js";
import { type DataInput, dataSchema, sourceSchema } from "./data-config.js";
import type { PackedDataset } from "./pack/packed.js";
import { type PrepareProgress, prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

let root: string;
let cases = 0;
let folder: string;

beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "pairloom-data-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));
beforeEach(() => {
  folder = join(root, String(cases++));
});

function prepare(data: DataInput, features: FeatureInput[], onProgress?: (p: PrepareProgress) => void) {
  const parsed = dataSchema.parse({ cacheDir: folder, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features), onProgress });
}

function file(name: string, text: string): string {
  const path = join(root, `${cases}-${name}`);
  writeFileSync(path, text);
  return path;
}

/** A column's values, row by row. */
function valuesOf(set: ColumnSet, name: string): unknown[] {
  const column = set.columns.get(name) as Column;
  return Array.from({ length: set.rows }, (_, r) => {
    if (column.kind === "id") return column.data[column.offset + r * column.stride];
    if (column.kind === "ids")
      return [...column.values.subarray(Number(column.offsets[r]), Number(column.offsets[r + 1]))];
    const row = column.data.subarray(column.offset + r * column.stride).subarray(0, column.width);
    return column.width === 1 ? row[0] : [...row];
  });
}

function quarantineOf(split: PackedDataset): Record<string, unknown>[] {
  const lines = readFileSync(split.quarantinePath, "utf8").split("\n").filter(Boolean);
  return lines.map((line) => JSON.parse(line));
}

async function errorOf(promise: Promise<unknown>): Promise<Error> {
  return promise.then(
    () => expect.unreachable("no error"),
    (error) => error,
  );
}

const clicks = `label,user,price,tags,day
1,007,1.5,a|b,1
0,8,,b,1
1,007,2.5,,2
0,mia,0.5,c|zzz|a,3
`;

const clickFeatures: FeatureInput[] = [
  { kind: "id", name: "user", vocabulary: {} },
  { kind: "id", name: "hashed", column: "user", hash: 1000 },
  { kind: "number", name: "price", normalize: "log" },
  { kind: "ids", name: "tags", vocabulary: ["a", "b", "c"], separator: "|" },
];

describe("prepareData", () => {
  it("packs a CSV: text as written, statistics of the training rows alone, splits by predicate", async () => {
    const { splits, features, unassigned } = await prepare(
      {
        source: { path: file("c.csv", clicks) },
        split: { train: "day < 3", valid: "day = 3" },
        label: "label",
      },
      clickFeatures,
    );
    expect(features.vocabularies).toEqual({ user: ["007", "8"], tags: ["a", "b", "c"] });
    expect(valuesOf(splits.train, "user")).toEqual([0, 1, 0]);
    expect(valuesOf(splits.valid!, "user")).toEqual([2]);
    const hash = (text: string) => murmur3(Buffer.from(text)) % 1000;
    expect(valuesOf(splits.train, "hashed")).toEqual([hash("007"), hash("8"), hash("007")]);
    expect(valuesOf(splits.train, "price")).toEqual([1.5, 0, 2.5].map((x) => Math.fround(Math.log1p(x))));
    expect(valuesOf(splits.train, "tags")).toEqual([[0, 1], [1], []]);
    expect(valuesOf(splits.valid!, "tags")).toEqual([[2, 3, 0]]);
    expect(valuesOf(splits.train, "@label")).toEqual([1, 0, 1]);
    expect(valuesOf(splits.train, "@weight")).toEqual([1, 1, 1]);
    expect([unassigned, splits.train.rowsRead, splits.valid!.rowsRead]).toEqual([0, 3, 1]);
  });

  it("counts every row once: packed, quarantined, or in no split", async () => {
    const text = `label,x,day,w
1,0.5,1,1
0,abc,1,1
1,2,1
,3,1,1
0,inf,1,1
1,1,1,-2
1,1,2,
1,4,2,0.5
1,4,9,1
`;
    const path = file("bad.csv", text);
    const { splits, unassigned } = await prepare(
      {
        source: { path },
        split: { train: "day = 1", valid: "day = 2" },
        label: "label",
        weight: "w",
        maxBadRows: 1,
      },
      [{ kind: "number", name: "x" }],
    );
    const { train, valid } = splits;
    expect([train.rows, train.quarantined, train.rowsRead]).toEqual([1, 5, 6]);
    expect([valid!.rows, valid!.quarantined, valid!.rowsRead]).toEqual([1, 1, 2]);
    expect(unassigned).toBe(1);
    expect(quarantineOf(train)).toMatchObject([
      { split: "train", file: path, line: 3, row: 2, feature: "x", columns: ["x"], value: "abc" },
      { file: path, line: 5, feature: "@label", reason: "missing value", columns: ["label"], value: null },
      { line: 6, row: 4, feature: "x", reason: "not a finite number", value: "inf" },
      { line: 7, row: 5, feature: "@weight", reason: "negative value", value: "-2" },
      { file: path, line: 4, value: "1,2,1" },
    ]);
    expect(train.reasons).toMatchObject({ "@label: missing value": 1, "x: not a finite number": 2 });
    expect(Object.values(train.reasons).reduce((a, b) => a + b)).toBe(train.quarantined);
    expect(quarantineOf(valid!)).toMatchObject([{ split: "valid", row: 6, feature: "@weight" }]);
  });

  it("stops where too many rows are bad, and says which and where they are", async () => {
    const path = file("many.csv", "label,x\n1,1\n,2\n,3\n0,4\n");
    const error = await errorOf(
      prepare({ train: { path }, label: "label" }, [{ kind: "number", name: "x" }]),
    );
    expect(error).toBeInstanceOf(DataError);
    expect(error.message).toMatch(/2 of 4 rows \(50 %\): 2 × @label: missing value/);
    expect(error.message).toMatch(/at most 1 %/);
    const quarantine = /Look at the rows in (\S+quarantine\.jsonl)/.exec(error.message)![1];
    expect(readFileSync(quarantine, "utf8").trim().split("\n")).toHaveLength(2);
  });

  it("refuses a row in two splits", async () => {
    const path = file("c.csv", clicks);
    const error = await errorOf(
      prepare(
        { source: { path }, split: { train: "day < 3", valid: "day > 1" }, label: "label" },
        clickFeatures,
      ),
    );
    expect(error.message).toMatch(/row 3 satisfies train and valid/);
  });

  it("learns one vocabulary for all features that share a table", async () => {
    const rows = [
      { from: "A", to: "B", via: ["C", "C"] },
      { from: "B", to: "C", via: null },
      { from: "D", to: "B", via: [] },
    ].map((row) => ({ ...row, y: 1 }));
    const learnt = { vocabulary: { minCount: 1, maxSize: 3 }, embedding: "place" };
    const { features, splits } = await prepare({ train: { rows }, label: "y" }, [
      { kind: "id", name: "from", ...learnt },
      { kind: "id", name: "to", ...learnt },
      { kind: "ids", name: "via", ...learnt },
    ]);
    // B and C occur three times each, A and D once: ties go by value.
    expect(features.vocabularies).toEqual({ place: ["B", "C", "A"] });
    expect(features.features.map((f) => f.kind !== "number" && f.rows)).toEqual([5, 5, 5]);
    expect(valuesOf(splits.train, "from")).toEqual([2, 0, 3]);
    expect(valuesOf(splits.train, "via")).toEqual([[1, 1], [], []]);
  });

  it("learns means and deviations by their formulas", async () => {
    const sample = [3, -1, 4, 1, -5, 9.5];
    const rows = [...sample.map((x) => ({ x, y: 0 })), { x: null, y: 1 }];
    const mean = sample.reduce((a, b) => a + b) / sample.length;
    const std = Math.sqrt(sample.reduce((sum, x) => sum + (x - mean) ** 2, 0) / sample.length);
    const { splits } = await prepare({ train: { rows }, label: "y" }, [
      { kind: "number", name: "z", column: "x", normalize: "zscore" },
      { kind: "number", name: "m", column: "x", normalize: "minmax" },
      { kind: "number", name: "b", column: "x", boundaries: [0, 4], missing: "mean" },
    ]);
    const z = valuesOf(splits.train, "z") as number[];
    for (const [r, x] of [...sample, mean].entries()) expect(z[r]).toBeCloseTo((x - mean) / std, 5);
    const m = valuesOf(splits.train, "m") as number[];
    for (const [r, x] of [...sample, mean].entries()) expect(m[r]).toBeCloseTo((x + 5) / 14.5, 5);
    expect(valuesOf(splits.train, "b")).toEqual([1, 0, 2, 1, 0, 2, 1]);
  });

  it("learns one list of boundaries for all features that share a table, from all files", async () => {
    const rows = [4, 1, null, 7, 3, 8, 5, 2].map((x, i) => ({ x, z: i + 9, y: i % 2 }));
    const paths = [rows.slice(0, 3), rows.slice(3)].map((part, i) =>
      file(`part${i}.jsonl`, part.map((row) => JSON.stringify(row)).join("\n")),
    );
    const shared = { boundaries: { quantiles: 5 }, embedding: "ranges" };
    const features: FeatureInput[] = [
      { kind: "number", name: "x", ...shared },
      { kind: "number", name: "z", ...shared },
      { kind: "number", name: "alone", column: "x", boundaries: { quantiles: 2 }, missing: "mean" },
    ];
    const { features: fitted, splits } = await prepare({ train: { path: paths }, label: "y" }, features);
    // 15 values: 1 2 3 | 4 5 7 | 8 9 10 | 11 12 13 | 14 15 16.
    const mapping = (boundaries: number[]) => ({ kind: "boundaries", boundaries, nonFinite: "refuse" });
    expect(fitted.features.map((f) => f.kind === "id" && f.mapping)).toEqual([
      mapping([4, 8, 11, 14]),
      mapping([4, 8, 11, 14]),
      mapping([4]),
    ]);
    expect(valuesOf(splits.train, "x")).toEqual([1, 0, 5, 1, 0, 2, 1, 0]);
    // The mean is 30 / 7.
    expect(valuesOf(splits.train, "alone")).toEqual([1, 0, 1, 1, 0, 1, 1, 0]);
    const [other] = await Promise.all([prepare({ train: { rows }, label: "y" }, features)]);
    expect(other.features).toEqual(fitted);
  });

  it("learns the bins of an embedding in the model's numbers", async () => {
    const rows = [10, 20, 30, 40, 50, null, 60, 70, 80].map((x, i) => ({ x, same: 5, y: i % 2 }));
    const embedding = (bins: number) => ({ denseEmbedding: { kind: "piecewiseLinear", bins } }) as const;
    const { features } = await prepare({ train: { rows }, label: "y" }, [
      { kind: "number", name: "raw", column: "x", ...embedding(2) },
      { kind: "number", name: "scaled", column: "x", normalize: "minmax", ...embedding(4) },
      { kind: "number", name: "falling", column: "x", normalize: { expression: "-x" }, ...embedding(2) },
      { kind: "number", name: "same", ...embedding(4) },
      { kind: "expression", name: "twice", variables: { x: "x" }, expression: "2 * x", ...embedding(2) },
    ]);
    const sevenths = [0, 2, 4, 6, 7].map((i) => Math.fround(i / 7));
    expect(features.features.map((f) => f.kind === "number" && f.edges)).toEqual([
      [10, 50, 80],
      sevenths,
      [-80, -40, -10],
      [5, 10],
      [20, 100, 160],
    ]);
  });

  it("learns no boundary where all values are equal, and refuses to learn from none", async () => {
    const of = (x: number | null) =>
      prepare(
        {
          train: {
            rows: [
              { x, y: 0 },
              { x, y: 1 },
            ],
          },
          label: "y",
        },
        [{ kind: "number", name: "x", boundaries: { quantiles: 8 } }],
      );
    const { features } = await of(3);
    expect(features.features[0]).toMatchObject({ rows: 2, mapping: { boundaries: [] }, missingRow: 1 });
    expect((await errorOf(of(null))).message).toMatch(/no finite number to learn from[\s\S]*x/);
  });

  it("opens what an earlier run packed, and packs again when the config or the file is another", async () => {
    const path = file("c.csv", clicks);
    const data: DataInput = { train: { path }, label: "label" };
    const first = await prepare(data, clickFeatures);
    const again = await prepare({ ...data, maxBadRows: 0.5 }, clickFeatures);
    expect([first.fromCache, again.fromCache]).toEqual([false, true]);
    expect(again.directory).toBe(first.directory);
    for (const name of first.splits.train.columns.keys())
      expect(valuesOf(again.splits.train, name)).toEqual(valuesOf(first.splits.train, name));
    expect((await prepare(data, clickFeatures.slice(1))).fromCache).toBe(false);
    utimesSync(path, new Date(), new Date(Date.now() + 5000));
    expect((await prepare(data, clickFeatures)).fromCache).toBe(false);
  });

  it.each(["ids.i32", "dense.f32", "tags.values.i32", "tags.offsets.u64", "manifest.json"])(
    "finds a damaged %s and packs again with the same bytes",
    async (name) => {
      const data: DataInput = { train: { path: file("c.csv", clicks) }, label: "label" };
      const { splits } = await prepare(data, clickFeatures);
      const path = join(splits.train.directory, name);
      const bytes = readFileSync(path);
      const flipped = Buffer.from(bytes);
      flipped[5] ^= 1;
      writeFileSync(path, flipped);
      const seen: PrepareProgress[] = [];
      const rebuilt = await prepare(data, clickFeatures, (progress) => seen.push(progress));
      expect(seen[0]).toMatchObject({ phase: "rebuild", message: expect.stringContaining(name) });
      expect(rebuilt.fromCache).toBe(false);
      expect(readFileSync(path)).toEqual(bytes);
      truncateSync(path, bytes.length - 2);
      expect((await prepare(data, clickFeatures)).fromCache).toBe(false);
      expect(readdirSync(join(folder, "packed")).filter((entry) => entry.includes("partial"))).toEqual([]);
    },
  );
});

describe("errors of prepareData name the place in the config", () => {
  const mistakes: [string, Partial<DataInput>, FeatureInput[], RegExp][] = [
    ["label", { label: "lable" }, clickFeatures, /data\.label: .*no such column[\s\S]*lable[\s\S]*label/],
    ["weight", { weight: "prize" }, clickFeatures, /data\.weight: [\s\S]*price/],
    [
      "column",
      {},
      [...clickFeatures, { kind: "id", name: "usr", hash: 9 }],
      /features\[4\]\.column: [\s\S]*usr[\s\S]*user/,
    ],
    [
      "text label",
      { label: "tags" },
      clickFeatures,
      /data\.label: the column tags has the wrong type[\s\S]*texts such as/,
    ],
    [
      "sql",
      { train: { path: "", sql: "SELECT nope FROM source" } },
      clickFeatures,
      /data\.train\.sql: [\s\S]*nope/,
    ],
    ["types", { train: { path: "", types: { nope: "DATE" } } }, clickFeatures, /data\.train\.types\.nope/],
  ];
  it.each(mistakes)("%s", async (_, data, features, message) => {
    const path = file("c.csv", clicks);
    const error = await errorOf(
      prepare(
        { train: { path }, label: "label", ...data, ...(data.train && { train: { ...data.train, path } }) },
        features,
      ),
    );
    expect(error.message).toMatch(message);
  });

  it("a predicate that does not fit the columns", async () => {
    const source = { path: file("c.csv", clicks) };
    const run = (train: string) =>
      errorOf(prepare({ source, split: { train }, label: "label" }, clickFeatures));
    expect((await run("dya < 3")).message).toMatch(/data\.split\.train: [\s\S]*dya/);
    // Text, because an id feature reads it.
    expect((await run("user < 3")).message).toMatch(
      /data\.split\.train: [\s\S]*VARCHAR[\s\S]*Cast the column where the SQL computes with it/,
    );
    const typed = { ...source, types: { user: "BIGINT" } };
    const { splits } = await prepare(
      { source: typed, split: { train: "user < 8" }, label: "label", maxBadRows: 1 },
      clickFeatures,
    );
    expect(splits.train.rowsRead).toBe(3);
  });

  it("missing, empty and unmatched files", async () => {
    file("train.csv", clicks);
    const run = (path: string) => errorOf(prepare({ train: { path }, label: "label" }, clickFeatures));
    expect((await run(join(root, `${cases}-trian.csv`))).message).toMatch(/does not exist[\s\S]*train\.csv/);
    expect((await run(file("empty.csv", ""))).message).toMatch(/data\.train\.path: the file is empty/);
    expect((await run(join(root, "*.nothing"))).message).toMatch(/no file matches/);
    expect(await run(file("c.data", clicks))).toBeInstanceOf(ConfigError);
    expect((await run(file("names.csv", "label,user,price,tags,day\n"))).message).toMatch(
      /data\.train: the source has no readable rows/,
    );
  });

  it("a split without rows", async () => {
    const path = file("c.csv", clicks);
    const split = { train: "day < 9", test: "day = 10" };
    const error = await errorOf(prepare({ source: { path }, split, label: "label" }, clickFeatures));
    expect(error.message).toMatch(/data\.split\.test: the split test has no rows/);
  });
});

it("names the words of a label, with sql that works as it is printed", async () => {
  const path = file("words.csv", `x,"is it"\n${"1,no\n".repeat(5)}${"2,it's\n".repeat(2)}`);
  const one: FeatureInput[] = [{ kind: "number", name: "x" }];
  const { message } = await errorOf(prepare({ train: { path }, label: "is it" }, one));
  expect(message).toMatch(/texts such as 'no', 'it''s'\n/);
  const [sql] = /SELECT .* FROM source/.exec(message)!;
  const { splits } = await prepare({ train: { path, sql }, label: "is it" }, one);
  expect(valuesOf(splits.train, "@label").flat()).toEqual([0, 0, 0, 0, 0, 1, 1]);
});

it("keeps the texts that mean missing for requests and for other files", async () => {
  const path = file("nulls.csv", "id,n,tags,y\na,1,p,0\nNA,NA,NA,1\nb,2,q,1\n");
  const features: FeatureInput[] = [
    { kind: "id", name: "id", vocabulary: {} },
    { kind: "id", name: "crossed", columns: ["id", "tags"], hash: 1000 },
    { kind: "number", name: "n", missing: 7 },
    { kind: "ids", name: "tags", vocabulary: {} },
  ];
  const train = { path, nullValues: ["NA"] };
  const { splits, features: fitted } = await prepare({ train, label: "y" }, features);
  const row = { id: "NA", n: "NA", tags: "NA" };
  const other = { path: file("nulls.jsonl", `${JSON.stringify(row)}\n${JSON.stringify(row)}\n`) };
  const batches = [packRows(fitted, [row])];
  for await (const { columns } of scanSource(sourceSchema.parse(other), fitted))
    batches.push({ ...columns, bad: [] });
  for (const batch of batches)
    for (const name of ["id", "crossed", "n", "tags"])
      expect([name, valuesOf(batch, name)[0]]).toEqual([name, valuesOf(splits.train, name)[1]]);
});

describe("training and serving transform in the same way", () => {
  const text = fc.oneof(
    fc.constantFrom("a", "b", "007", "7", "a rather long value of an id", "another rather long value", "é✓"),
    fc.string({ unit: "grapheme", maxLength: 30 }).filter((s) => !s.includes("\0")),
  );
  const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 8 });
  const row = fc.record({
    text: maybe(text),
    integer: maybe(fc.integer({ min: -3, max: 12 })),
    big: maybe(fc.bigInt({ min: -(2n ** 60n), max: 2n ** 60n })),
    real: maybe(fc.double({ noNaN: true, min: -1e6, max: 1e6 })),
    flag: maybe(fc.boolean()),
    list: maybe(fc.array(text, { maxLength: 5 })),
    joined: maybe(
      fc.array(fc.constantFrom("p", "q", "", "r s"), { maxLength: 4 }).map((parts) => parts.join(",")),
    ),
    codes: maybe(fc.array(fc.integer({ min: -1, max: 9 }), { maxLength: 4 })),
    // JSON has no negative zero.
    vector: maybe(
      fc.array(
        fc.double({ noNaN: true, min: -9, max: 9 }).map((x) => x + 0),
        { minLength: 2, maxLength: 3 },
      ),
    ),
    y: maybe(fc.constantFrom(0, 1)),
  });
  // One row that shows every type, so that no column is empty throughout.
  const whole = {
    ...{ text: "a", integer: 1, big: 2n, real: 0.5, flag: true, list: ["a"], joined: "p,q", codes: [1] },
    ...{ vector: [1, 2], y: 1 },
  };
  const features: FeatureInput[] = [
    { kind: "id", name: "text", hash: 101 },
    {
      kind: "id",
      name: "known",
      column: "text",
      vocabulary: ["a", "7", "a rather long value of an id", "é✓"],
    },
    { kind: "id", name: "strict", column: "flag", vocabulary: ["true"], outOfVocabulary: "refuse" },
    { kind: "id", name: "integer", buckets: 10, outOfRange: "bucket", missing: { value: 4 } },
    { kind: "id", name: "inside", column: "integer", buckets: 11, missing: "refuse" },
    { kind: "id", name: "big", hash: 1009 },
    { kind: "id", name: "real_id", column: "real", hash: 1009 },
    { kind: "id", name: "cross", columns: ["text", "integer", "flag"], hash: 50_021 },
    { kind: "ids", name: "list", hash: 997, maxLength: 3 },
    { kind: "ids", name: "joined", vocabulary: ["p", "r s"], pooling: "mean" },
    { kind: "ids", name: "codes", buckets: 9, outOfRange: "bucket" },
    { kind: "number", name: "real", normalize: { expression: "log(x + 1e5)" }, nonFinite: "refuse" },
    { kind: "number", name: "binned", column: "real", boundaries: [-10, 0, 0.5, 100] },
    { kind: "number", name: "flag" },
    { kind: "number", name: "vector", width: 2, missing: 7 },
  ];

  it("packed columns equal encoded rows, and refuse the same rows", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 60 }), async (random) => {
        const rows = [whole, ...random];
        const prepared = await prepare({ train: { rows }, label: "y", maxBadRows: 1 }, features);
        const { train } = prepared.splits;
        const encoded = packRows(prepared.features, rows, { label: "y" });
        const refused = quarantineOf(train).map(({ row, feature, reason }) => ({ row, feature, reason }));
        expect(encoded.bad.map((cell) => ({ ...cell, row: cell.row + 1 }))).toEqual(refused);
        const bad = new Set(encoded.bad.map(({ row }) => row));
        for (const name of train.columns.keys())
          expect([name, valuesOf(train, name)]).toEqual([
            name,
            valuesOf(encoded, name).filter((_, r) => !bad.has(r)),
          ]);
      }),
      { numRuns: 25 },
    );
  });

  it("rows of several blocks keep their order and their bags", async () => {
    const count = 150_000;
    const path = file(
      "long.csv",
      `y,id,bag\n${Array.from({ length: count }, (_, i) => `${i % 2},${i},${i % 7 ? i % 5 : ""}`).join("\n")}\n`,
    );
    const { splits } = await prepare(
      { source: { path }, split: { train: "id::INT % 3 <> 0", test: "id::INT % 3 = 0" }, label: "y" },
      [
        { kind: "id", name: "id", buckets: count },
        { kind: "ids", name: "bag", buckets: 5 },
      ],
    );
    const numbers = Array.from({ length: count }, (_, i) => i);
    for (const [split, rest] of [
      [splits.train, numbers.filter((i) => i % 3 !== 0)],
      [splits.test!, numbers.filter((i) => i % 3 === 0)],
    ] as const) {
      expect(valuesOf(split, "id")).toEqual(rest);
      expect(valuesOf(split, "bag")).toEqual(rest.map((i) => (i % 7 ? [i % 5] : [])));
    }
  });
});
