import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../columns/columns.js";
import { packRows, type RawRow } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";

/**
 * Rows of JavaScript are written to a file and read from there in training; serving reads the values themselves. Training
 * reads them here from a config that was saved and loaded.
 */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-rows-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function prepare(rows: readonly RawRow[], features: readonly FeatureInput[]) {
  const config = dataSchema.parse({ train: { rows }, label: "y", maxBadRows: 1, cacheDir: folder });
  const data = dataSchema.parse(JSON.parse(JSON.stringify(config)));
  expect(data).toEqual(config);
  const prepared = await prepareData({ data, features: featuresSchema.parse(features) });
  const lines = readFileSync(prepared.splits.train.quarantinePath, "utf8").split("\n").filter(Boolean);
  const refused: { row: number; value: unknown }[] = lines.map((line) => JSON.parse(line));
  return { fitted: prepared.features, train: prepared.splits.train, refused };
}

/** The ids and weights of each row, or the number. */
function cellsOf({ columns, rows }: ColumnSet, name: string): unknown[] {
  const column = columns.get(name)!;
  return Array.from({ length: rows }, (_, r) => {
    if (column.kind !== "ids") return column.data[column.offset + r * column.stride];
    const [start, end] = [Number(column.offsets[r]), Number(column.offsets[r + 1])];
    return [[...column.values.subarray(start, end)], [...(column.weights?.subarray(start, end) ?? [])]];
  });
}

async function expectSame(rows: readonly RawRow[], feature: FeatureInput): Promise<void> {
  const { fitted, train, refused } = await prepare(rows, [feature]);
  const served = packRows(fitted, rows);
  const bad = new Set(served.bad.map(({ row }) => row));
  expect(refused.map(({ row }) => row - 1)).toEqual([...bad]);
  const good = cellsOf(served, feature.name).filter((_, row) => !bad.has(row));
  expect(cellsOf(train, feature.name)).toEqual(good);
}

const FEATURES: readonly FeatureInput[] = [
  { kind: "id", name: "v", hash: 1_000_003 },
  { kind: "ids", name: "v", hash: 1_000_003 },
  { kind: "ids", name: "v", hash: 1_000_003, weighted: true },
  { kind: "lookup", name: "f", map: "v", key: "key", hash: 1_000_003, withKey: true },
  { kind: "match", name: "f", map: "v", primary: "*", secondary: "*", withPrimary: true, hash: 1_000_003 },
  { kind: "number", name: "v", nonFinite: "impute" },
  { kind: "sequence", name: "v", number: { nonFinite: "impute" } },
];

/** A row that no feature refuses, because a split needs one. */
const WHOLE = { v: "a:1", key: "a", y: 1 };

describe("a row of JavaScript is read in training as in serving", () => {
  it.each(FEATURES)("by $kind, weighted $weighted", async (feature) => {
    const text = fc.oneof(
      fc.constantFrom("a", "", "a:2", "\ud800", "b\udc00", "NaN", "null"),
      fc.string({ unit: "binary", maxLength: 6 }).filter((x) => !x.includes("\0")),
    );
    const time = fc.constantFrom(new Date("1970-01-01"), new Date("2001-01-31T08:15:00.250Z"));
    const odd = fc.constantFrom(
      null,
      undefined,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      2 ** 53,
      1e21,
      1e-7,
      -0,
      3n,
      true,
      {},
    );
    const scalar = fc.oneof(text, time, odd, fc.integer({ min: 0, max: 9 }));
    const map = fc
      .uniqueArray(fc.tuple(scalar, scalar), { maxLength: 3, selector: ([key]) => String(key) })
      .map((entries) => new Map<unknown, unknown>(entries));
    const typed = fc.oneof(fc.float32Array({ maxLength: 3 }), fc.bigInt64Array({ maxLength: 3 }));
    const value = fc.oneof(scalar, map, fc.array(scalar, { maxLength: 3 }), typed);
    const row = fc.record({ v: value, key: fc.constantFrom("a", "", "1970-01-01"), y: fc.constant(1) });
    await fc.assert(
      fc.asyncProperty(fc.array(row, { maxLength: 40 }), (rows) => expectSame([WHOLE, ...rows], feature)),
      { numRuns: 8 },
    );
  });

  it.each(["seconds", "milliseconds", undefined] as const)("by datePart, unit %s", async (unit) => {
    const feature: FeatureInput = {
      kind: "datePart",
      name: "f",
      input: "v",
      part: "hour",
      ...(unit && { unit }),
    };
    const time = new Date("2001-01-31T08:15:00Z");
    const columns = [
      [time, time.toISOString(), "2001-01-31"],
      ...[
        [time, 3600, 1e300, Number.NaN, Number.POSITIVE_INFINITY, null],
        [3600, true, "3600", "+-3600"],
      ],
      [3600n, "x", "", "1_000", false, "true", { a: 1 }, [1]],
    ];
    for (const column of columns)
      await expectSame(
        [time, ...column].map((v) => ({ v, y: 1 })),
        feature,
      );
  });
});

it("reads a map with a key that is missing, and refuses one with two keys of one text", async () => {
  const maps = [
    [null, "a", 1],
    [undefined, "a"],
    ["", Number.NaN, "a"],
    [1, 1n, "a"],
    ["1", "a", 1],
  ];
  const mapOf = (keys: unknown[]) => new Map(keys.map((key, i) => [key, i]));
  const rows = [{ ...WHOLE }, ...maps.map((keys) => ({ v: mapOf(keys), key: "a", y: 1 }))];
  for (const feature of FEATURES.slice(2, 4)) {
    await expectSame(rows, feature);
    await expectSame([{ v: { a: 1 }, key: "a", y: 1 }, ...rows.slice(1)], feature);
  }
});

it.each(FEATURES.slice(2, 4))(
  "refuses an object of JSON with a key twice, which requests cannot have: $kind",
  async (feature) => {
    const path = join(folder, "twice.jsonl");
    const lines = ['{"a": 1}', '{"a": 1, "b": 2, "a": 3}', '{"a": {"b": 1, "b": 2}}'];
    writeFileSync(path, lines.map((v) => `{"y": 1, "key": "a", "v": ${v}}\n`).join(""));
    const data = dataSchema.parse({ train: { path }, label: "y", maxBadRows: 1, cacheDir: folder });
    const { splits } = await prepareData({ data, features: featuresSchema.parse([feature]) });
    expect(splits.train.rows).toBe(1);
  },
);

it("reads the key of an entry without a value", async () => {
  const values = [1e21, "a", 3].flatMap((key) => [new Map([[key, undefined]]), { [key]: undefined }]);
  const rows = values.map((v) => ({ v, key: "a", y: 1 }));
  for (const feature of FEATURES.slice(2, 5)) await expectSame([WHOLE, ...rows], feature);
});

it("lists no value where the value is not known: a double that is no exact id", async () => {
  const rows = ["a", 2 ** 53, [2 ** 53]].map((v) => ({ v, y: 1 }));
  const { refused } = await prepare(rows, [{ kind: "ids", name: "v", hash: 10 }]);
  expect(refused.map(({ row, value }) => [row, JSON.stringify(value)?.includes("u0000")])).toEqual([
    [2, false],
    [3, false],
  ]);
});
