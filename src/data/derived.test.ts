import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../columns/columns.js";
import { PairloomError } from "../errors.js";
import { packRows, type RawRow } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema } from "./data-config.js";
import type { PreparedData } from "./pack/prepared.js";
import { prepareData } from "./prepare.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-derived-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function prepare(data: DataInput, features: FeatureInput[]) {
  const parsed = dataSchema.parse({ cacheDir: folder, maxBadRows: 1, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features) });
}

/** A column's values, row by row. */
function valuesOf(set: ColumnSet, name: string): unknown[] {
  const column = set.columns.get(name)!;
  return Array.from({ length: set.rows }, (_, r) => {
    if (column.kind === "id") return column.data[column.offset + r * column.stride];
    if (column.kind === "ids")
      return [...column.values.subarray(Number(column.offsets[r]), Number(column.offsets[r + 1]))];
    return [...column.data.subarray(column.offset + r * column.stride).subarray(0, column.width)];
  });
}

const wordPiece = fileURLToPath(new URL("../features/fixtures/word_piece.tokenizer.json", import.meta.url));

const features: FeatureInput[] = [
  { kind: "combine", name: "scored", input: { feature: "crossed" }, values: { a_k1: 1, b_k2: 2 } },
  { kind: "number", name: "age", normalize: "zscore" },
  { kind: "number", name: "age_bin", column: "age", boundaries: [10, 20] },
  { kind: "number", name: "age_range", column: "age", boundaries: { quantiles: 4 }, missing: "mean" },
  { kind: "number", name: "vector", width: 2, separator: "|", missing: 3 },
  { kind: "ids", name: "tags", hash: 101 },
  { kind: "lookup", name: "clicks", map: "map", key: "key", normalize: "zscore" },
  { kind: "lookup", name: "kinds", map: "map", key: "key", vocabulary: {}, withKey: true, pooling: "mean" },
  { kind: "lookup", name: "by_object", map: "object", key: "key", combiner: "max", boundaries: [0, 3] },
  { kind: "combine", name: "ranges", input: { feature: "clicks" }, boundaries: { quantiles: 3 } },
  { kind: "match", name: "matched", map: { column: "nested" }, primary: "key", secondary: "*" },
  { kind: "combo", name: "crossed", inputs: [{ feature: "tags" }, "key"], hash: 211 },
  { kind: "overlap", name: "overlap", query: "tags", title: "list", method: "query_common_ratio" },
  { kind: "kvDot", name: "dot", query: "map", document: "object", missing: "mean" },
  { kind: "mask", name: "masked", input: "list", mask: "flags", hash: 97 },
  {
    kind: "tokenize",
    name: "words",
    input: "text",
    vocabulary: { minCount: 1, maxSize: 3 },
    normalizeText: ["lowercase"],
  },
  { kind: "tokenize", name: "subwords", input: "text", tokenizer: { file: wordPiece } },
  { kind: "tokenize", name: "hashed", input: "text", tokenizer: { file: wordPiece }, hash: 31 },
  {
    kind: "expression",
    name: "formula",
    variables: { a: "age", c: { feature: "clicks" }, bin: { feature: "age_bin" } },
    expression: "a > 10 ? log(a) + c : bin - c",
    nonFinite: "impute",
  },
];

const maybe = <T>(values: fc.Arbitrary<T>) => fc.option(values, { nil: null, freq: 6 });
const name = fc.constantFrom("a", "b", "k1", "k2", "", "é✓", "a rather long value of an id");
const row = fc.record({
  age: maybe(fc.double({ min: -5, max: 40, noNaN: true })),
  vector: maybe(fc.constantFrom("1|2", "0.5|", "1|2|3", "x|1", " ")),
  tags: maybe(fc.array(name, { maxLength: 3 })),
  map: maybe(fc.constantFrom("k1:1,k2:2.5", "k1:x", "k2:0,k2:7", "k1", "")),
  key: maybe(fc.constantFrom("k1", "k2", "k1,k2", "k3")),
  object: maybe(fc.dictionary(fc.constantFrom("k1", "k2", "a"), fc.integer({ min: -2, max: 5 }))),
  nested: maybe(fc.constantFrom("k1^a:1,b:2|k2^a:4", "k1^", "k3^z:1")),
  list: maybe(fc.array(maybe(name), { maxLength: 3 })),
  flags: maybe(fc.array(fc.boolean(), { maxLength: 3 })),
  text: maybe(fc.constantFrom("The cat sat", "a Cat  é✓", "")),
  y: fc.constantFrom(0, 1),
});
// Rows that show every type and give every feature something to learn.
const whole = [
  {
    ...{ age: 12.5, vector: "1|2", tags: ["a"], map: "k1:1,k2:2", key: "k1", object: { k1: 2 } },
    ...{ nested: "k1^a:1", list: ["a", "b"], flags: [true, false], text: "the cat", y: 1 },
  },
];

/** What is packed and quarantined is what serving encodes and refuses. */
function compare(prepared: PreparedData, rows: readonly RawRow[]): void {
  const { train } = prepared.splits;
  // As a checkpoint holds them.
  const features = JSON.parse(JSON.stringify(prepared.features));
  const encoded = packRows(features, rows, { label: "y" });
  const lines = readFileSync(train.quarantinePath, "utf8").split("\n").filter(Boolean);
  expect(encoded.bad.map(({ row, feature, reason }) => [row + 1, feature, reason])).toEqual(
    lines.map((line) => JSON.parse(line)).map(({ row, feature, reason }) => [row, feature, reason]),
  );
  const bad = new Set(encoded.bad.map(({ row }) => row));
  for (const name of train.columns.keys())
    expect([name, valuesOf(train, name)]).toEqual([
      name,
      valuesOf(encoded, name).filter((_, r) => !bad.has(r)),
    ]);
}

it("packs computed values as it encodes them in serving, and refuses the same rows", async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(row, { maxLength: 40 }), async (random) => {
      const rows = [...whole, ...random];
      const prepared = await prepare({ train: { rows }, label: "y" }, features);
      compare(prepared, rows);
    }),
    { numRuns: 8 },
  );
});

describe("a random set of features", () => {
  const names = ["f0", "f1", "f2", "f3"];
  const columns = ["age", "tags", "map", "key", "object", "nested", "list", "flags", "text"];
  const source = fc.oneof(
    { weight: 5, arbitrary: fc.constantFrom(...columns) },
    { weight: 2, arbitrary: fc.constantFrom(...names).map((feature) => ({ feature })) },
  );
  const kinds = fc.oneof(
    fc.record({ kind: fc.constant("lookup"), map: source, key: source, withKey: fc.boolean() }),
    fc.record({ kind: fc.constant("match"), map: source, primary: source, secondary: fc.constant("*") }),
    fc.record({ kind: fc.constant("combine"), input: source }),
    fc.record({ kind: fc.constant("combo"), inputs: fc.tuple(source, source) }),
    fc.record({ kind: fc.constant("mask"), input: source, mask: source }),
    fc.record({ kind: fc.constant("tokenize"), input: source }),
    fc.record({ kind: fc.constant("kvDot"), query: source, document: source }),
    fc.record({
      kind: fc.constant("overlap"),
      query: source,
      title: source,
      method: fc.constant("is_equal"),
    }),
    fc.record({
      kind: fc.constant("expression"),
      variables: fc.record({ a: source }),
      expression: fc.constant("a / 2"),
    }),
    fc.record({ kind: fc.constantFrom("id", "ids", "number"), column: fc.constantFrom(...columns) }),
  );
  const output = fc.oneof(
    fc.constant({}),
    fc.constant({ hash: 50 }),
    fc.constant({ buckets: 5, outOfRange: "bucket" }),
    fc.constant({ vocabulary: {} }),
    fc.constantFrom(
      { hash: 9, missing: { value: "a" } },
      { vocabulary: {}, outOfVocabulary: "refuse", missing: { value: "a" } },
    ),
    fc.constant({ vocabulary: ["a", "1"], embedding: "shared" }),
    fc.constantFrom({ normalize: "zscore" }, { normalize: "log" }, { missing: "mean" }, { width: 2 }),
    fc.constant({ boundaries: [0, 1], missing: "refuse" }),
  );
  const feature = fc
    .tuple(kinds, output, fc.constantFrom({}, { nonFinite: "impute" }))
    .map((parts) => Object.assign({ name: "" }, ...parts));
  /** Mostly features that may be right, some that are wrong by themselves. */
  const likely = feature.filter((one) => featuresSchema.safeParse([{ ...one, name: "f" }, ...known]).success);
  const known = names.map((name) => ({ kind: "number", name }));
  const sets = fc
    .array(fc.oneof({ weight: 9, arbitrary: likely }, { weight: 1, arbitrary: feature }), {
      minLength: 1,
      maxLength: 4,
    })
    .map((set) => set.map((one, i) => ({ ...one, name: names[i] })));

  it("is packed as it is encoded, or refused with a reason", async () => {
    let packed = 0;
    await fc.assert(
      fc.asyncProperty(sets, fc.array(row, { maxLength: 20 }), async (set, random) => {
        const parsed = featuresSchema.safeParse(set);
        if (!parsed.success) return;
        const rows = [...whole, ...random];
        let prepared: PreparedData;
        try {
          prepared = await prepare({ train: { rows }, label: "y" }, set as FeatureInput[]);
        } catch (error) {
          expect(error).toBeInstanceOf(PairloomError);
          return;
        }
        packed++;
        compare(prepared, rows);
      }),
      { numRuns: 150, seed: 7 },
    );
    expect(packed).toBeGreaterThan(20);
  });
});

it("learns means and vocabularies of computed values", async () => {
  const rows = [
    { map: "k1:1,k2:5", key: "k1", text: "b a", y: 0 },
    { map: "k1:2,k2:9", key: "k1,k2", text: "a c", y: 1 },
    { map: "", key: "k1", text: null, y: 1 },
  ];
  const { features: fitted, splits } = await prepare({ train: { rows }, label: "y" }, [
    { kind: "lookup", name: "sum", map: "map", key: "key", normalize: "zscore" },
    { kind: "tokenize", name: "words", input: "text", vocabulary: {} },
    {
      kind: "expression",
      name: "twice",
      variables: { s: { feature: "sum" } },
      expression: "2 * s",
      normalize: "minmax",
    },
  ]);
  // Sums 1 and 11: mean 6, deviation 5; the missing one is the mean.
  expect(valuesOf(splits.train, "sum")).toEqual([[-1], [1], [0]]);
  expect(fitted.vocabularies.words).toEqual(["a", "b", "c"]);
  expect(valuesOf(splits.train, "words")).toEqual([[1, 0], [0, 2], []]);
  expect(valuesOf(splits.train, "twice")).toEqual([[0], [1], [0.5]]);
});

it("reads maps of Parquet columns, and text columns of CSV files as they are written", async () => {
  const csv = join(folder, "wide.csv");
  writeFileSync(csv, "y,key,codes\n1,007,007:2|8:3\n0,8,8:0.5\n");
  const { splits } = await prepare(
    { train: { path: csv, sql: "SELECT *, MAP {'007': 1.5, '9': 2} AS m FROM source" }, label: "y" },
    [
      { kind: "lookup", name: "text", map: { column: "codes", separator: "|" }, key: "key" },
      { kind: "lookup", name: "map", map: "m", key: "key", missing: -1 },
    ],
  );
  expect(valuesOf(splits.train, "text")).toEqual([[2], [0.5]]);
  expect(valuesOf(splits.train, "map")).toEqual([[1.5], [-1]]);
});

it("computes with constants as with columns that have one value", async () => {
  const inputs = (key: unknown, two: unknown) =>
    [
      { kind: "lookup", name: "found", map: "map", key },
      { kind: "combo", name: "crossed", inputs: ["tag", key], hash: 1000 },
      { kind: "expression", name: "sum", variables: { a: "a", two }, expression: "a + two" },
      { kind: "expression", name: "constant", variables: { two }, expression: "two * two" },
      { kind: "combine", name: "above", input: { feature: "constant" } },
    ] as FeatureInput[];
  const rows = ["k1:1,k2:2.5", "k2:7", "k1:3", null].map((map, i) => {
    return { map, tag: `t${i}`, a: i, key: "k2", two: 2, y: i % 2 };
  });
  const constant = await prepare(
    { train: { rows }, label: "y" },
    inputs({ constant: "k2" }, { constant: 2 }),
  );
  const column = await prepare({ train: { rows }, label: "y" }, inputs("key", "two"));
  compare(constant, rows);
  for (const name of column.splits.train.columns.keys())
    expect([name, valuesOf(constant.splits.train, name)]).toEqual([
      name,
      valuesOf(column.splits.train, name),
    ]);
});

it("reads synonyms as values of the vocabulary, in packing and in serving", async () => {
  const words = ["a", "b", "beta", "é✓", null, "other", "none"];
  const rows = Array.from({ length: 70 }, (_, i) => {
    return { word: words[i % 7], list: [words[i % 7], words[(i * 3) % 7]], y: i % 2 };
  });
  const replaced = (word: string | null) =>
    word === "beta" ? "b" : word === "é✓" || word === "none" ? "a" : word;
  const plain = rows.map(({ word, list, y }) => ({ word: replaced(word), list: list.map(replaced), y }));
  const mapped = { vocabulary: ["a", "b"], embedding: "e" };
  const config = (synonyms: object, word: string) =>
    [
      { kind: "id", name: "word", ...mapped, ...synonyms, missing: { value: word } },
      { kind: "ids", name: "list", ...mapped, ...synonyms },
      {
        kind: "combo",
        name: "combo",
        inputs: ["word", { constant: "x" }],
        vocabulary: ["a_x"],
        synonyms: { b_x: "a_x" },
      },
      { kind: "id", name: "without", column: "word", ...mapped },
    ] as FeatureInput[];
  const synonyms = { synonyms: { beta: "b", "é✓": "a", none: "a" } };
  const prepared = await prepare({ train: { rows }, label: "y" }, config(synonyms, "none"));
  compare(prepared, rows);
  const other = await prepare({ train: { rows: plain }, label: "y" }, config({}, "a"));
  for (const name of ["word", "list"])
    expect([name, valuesOf(prepared.splits.train, name)]).toEqual([name, valuesOf(other.splits.train, name)]);
  // The other feature of the table has no synonyms: "beta" is unknown.
  expect(valuesOf(prepared.splits.train, "without").slice(0, 3)).toEqual([0, 1, 2]);
});

it.each([
  [{ vocabulary: ["a", "b"], synonyms: { b: "a" } }, /"b": "a"[\s\S]*does not have, and/],
  [{ vocabulary: ["a", "b"], synonyms: { c: "d" } }, /"c": "d"/],
  [{ vocabulary: { minCount: 1 }, synonyms: { c: "d" } }, /a list or a file/],
  [{ hash: 5, synonyms: { c: "d" } }, /a list or a file/],
])("refuses synonyms that cannot be meant: %j", async (mapping, message) => {
  const rows = [{ word: "a", y: 1 }];
  const prepared = async () =>
    prepare({ train: { rows }, label: "y" }, [{ kind: "id", name: "word", ...mapping } as FeatureInput]);
  await expect(prepared()).rejects.toThrow(message);
});

it("names the column that a computed feature cannot read", async () => {
  const rows = [{ a: 1, y: 1 }];
  await expect(
    prepare({ train: { rows }, label: "y" }, [{ kind: "lookup", name: "x", map: "a", key: "nope" }]),
  ).rejects.toThrow(/features\[0\][\s\S]*nope/);
});
