import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FloatColumn } from "../columns/columns.js";
import { packRows, type RawRow } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { auc } from "../metrics/index.js";
import { draw, drawKey } from "../random.js";
import { type DataInput, dataSchema } from "./data-config.js";
import type { PackedDataset } from "./pack/packed.js";
import { prepareData } from "./prepare.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-target-mean-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function prepare(data: DataInput, features: FeatureInput[], labels: "binary" | "real" = "binary") {
  const parsed = dataSchema.parse({ cacheDir: folder, maxBadRows: 1, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features), labels });
}

function valuesOf({ columns, rows }: Pick<PackedDataset, "columns" | "rows">, name: string): number[] {
  const { data, offset, stride } = columns.get(name) as FloatColumn;
  return Array.from({ length: rows }, (_, r) => data[offset + r * stride]);
}

/** A row of these tests; its key is a and b together. */
interface Row {
  readonly [column: string]: unknown;
  readonly a: string | null;
  readonly b: number | null;
  readonly y: number | null;
  readonly w: number;
  readonly t: number;
  readonly part: number;
}

const keyOf = ({ a, b }: Row) => (a === null && b === null ? undefined : `${a}/${b}`);
const isCounted = ({ y, w }: Row) => (y === 0 || y === 1) && w > 0;

/** The formula of the documentation, row by row. */
function meanOf(
  key: string | undefined,
  rows: readonly Row[],
  all: readonly Row[],
  smoothing: number,
): number {
  const counted = all.filter(isCounted);
  const sum = (of: readonly Row[], value: (row: Row) => number) =>
    of.reduce((total, row) => total + value(row), 0);
  const prior = sum(counted, ({ y, w }) => y! * w) / sum(counted, ({ w }) => w);
  const same = key === undefined ? [] : rows.filter((row) => keyOf(row) === key && isCounted(row));
  const weight = sum(same, ({ w }) => w);
  if (weight + smoothing === 0) return prior;
  return (sum(same, ({ y, w }) => y! * w) + smoothing * prior) / (weight + smoothing);
}

const row: fc.Arbitrary<Row> = fc.record({
  a: fc.constantFrom("x", "y", "z", null),
  b: fc.constantFrom(1, 2, null),
  y: fc.oneof(
    { weight: 9, arbitrary: fc.constantFrom(0, 1) },
    { weight: 1, arbitrary: fc.constantFrom(null, 3) },
  ),
  w: fc.constantFrom(0, 1, 2.5),
  t: fc.integer({ min: 0, max: 8 }),
  part: fc.constantFrom(0, 0, 0, 1, 2),
});
const whole: Row[] = [0, 1].map((y) => ({ a: "x", b: 1, y, w: 1, t: y, part: 0 }));
const rowsOf = fc.array(row, { maxLength: 40 }).map((rows) => [...whole, ...rows]);
const splits = { train: "part = 0", valid: "part = 1" };
const feature = (smoothing: number, folds = 3): FeatureInput => ({
  kind: "targetMean",
  name: "m",
  columns: ["a", "b"],
  smoothing,
  folds,
  seed: 7,
});
const accepted = (rows: readonly Row[]) => rows.filter(({ y }) => y === 0 || y === 1);

describe("targetMean", () => {
  it("gives training rows the mean of other folds, and other rows the mean of all training rows", async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, fc.constantFrom(0, 1.5, 20), async (rows, smoothing) => {
        const data = { source: { rows }, split: splits, label: "y", weight: "w" };
        const wanted = [...rows, { ...whole[0], part: 1 }];
        const prepared = await prepare({ ...data, source: { rows: wanted } }, [feature(smoothing)]);
        const train = rows.filter(({ part }) => part === 0);
        const key = drawKey(7, 0, 0);
        const fold = (r: number) => draw(key, r) % 3;
        const trained = train.map((each, r) => ({
          each,
          value: meanOf(
            keyOf(each),
            train.filter((_, s) => fold(s) !== fold(r)),
            train,
            smoothing,
          ),
        }));
        const expected = trained.filter(({ each }) => each.y === 0 || each.y === 1).map(({ value }) => value);
        const found = valuesOf(prepared.splits.train, "m");
        expect(found.length).toBe(expected.length);
        found.forEach((value, r) => void expect(value).toBeCloseTo(expected[r], 5));
        const held = accepted(wanted.filter(({ part }) => part === 1));
        const ofAll = held.map((each) => meanOf(keyOf(each), train, train, smoothing));
        const valid = valuesOf(prepared.splits.valid!, "m");
        valid.forEach((value, r) => void expect(value).toBeCloseTo(ofAll[r], 5));
        // As serving encodes them, from what a checkpoint holds.
        const served = packRows(JSON.parse(JSON.stringify(prepared.features)), held as unknown as RawRow[]);
        expect(valuesOf(served, "m")).toEqual(valid);
      }),
      { numRuns: 12 },
    );
  });

  it("uses earlier rows only where the splits are divided by time", async () => {
    await fc.assert(
      fc.asyncProperty(rowsOf, async (rows) => {
        const split = { time: "t", train: "0", valid: "6" };
        const wanted = [...rows, { ...whole[0], t: 7 }];
        const { splits } = await prepare({ source: { rows: wanted }, split, label: "y", weight: "w" }, [
          feature(2),
        ]);
        const train = wanted.filter(({ t }) => t < 6);
        const expected = accepted(train).map((each) =>
          meanOf(
            keyOf(each),
            train.filter(({ t }) => t < each.t),
            train,
            2,
          ),
        );
        valuesOf(splits.train, "m").forEach((value, r) => void expect(value).toBeCloseTo(expected[r], 5));
        const held = accepted(wanted.filter(({ t }) => t >= 6));
        const ofAll = held.map((each) => meanOf(keyOf(each), train, train, 2));
        valuesOf(splits.valid!, "m").forEach((value, r) => void expect(value).toBeCloseTo(ofAll[r], 5));
      }),
      { numRuns: 8 },
    );
  });

  it("has the mean of all rows for keys that are missing, unknown or left out", async () => {
    const rows = ["a", "a", "a", "b", "b", "c", null].map((k, i) => ({ k, y: i % 2 }));
    const { features } = await prepare({ train: { rows }, label: "y" }, [
      { kind: "targetMean", name: "m", columns: ["k"], smoothing: 0, maxKeys: 2 },
    ]);
    const serve = [{ k: "a" }, { k: "b" }, { k: "c" }, { k: "d" }, { k: null }, {}];
    const values = valuesOf(packRows(features, serve), "m");
    for (const [r, mean] of [1 / 3, 1 / 2, 3 / 7, 3 / 7, 3 / 7, 3 / 7].entries())
      expect(values[r]).toBeCloseTo(mean, 6);
  });

  it("takes real labels, other features as parts of the key, and gives its value to others", async () => {
    const rows = Array.from({ length: 60 }, (_, i) => ({ age: i, y: i % 3 === 0 ? 10.5 : -2 }));
    const { features, splits } = await prepare(
      { train: { rows }, valid: { rows }, label: "y" },
      [
        { kind: "expression", name: "twice", variables: { m: { feature: "m" } }, expression: "m * 2" },
        { kind: "targetMean", name: "m", columns: [{ feature: "third" }], smoothing: 0 },
        { kind: "expression", name: "third", variables: ["age"], expression: "mod(age, 3)" },
        {
          kind: "targetMean",
          name: "range",
          columns: [{ feature: "third" }],
          smoothing: 0,
          boundaries: { quantiles: 2 },
        },
        { kind: "targetMean", name: "z", columns: [{ feature: "third" }], smoothing: 0, normalize: "zscore" },
      ],
      "real",
    );
    const expected = rows.map(({ y }) => y);
    expect(valuesOf(splits.valid!, "m")).toEqual(expected);
    expect(valuesOf(splits.train, "m")).toEqual(expected);
    expect(valuesOf(splits.train, "twice")).toEqual(expected.map((y) => y * 2));
    expect(features.features[3]).toMatchObject({ mapping: { boundaries: [10.5] } });
    const z = valuesOf(splits.train, "z");
    expect(z.reduce((a, b) => a + b) / z.length).toBeCloseTo(0, 5);
    expect(z.reduce((a, b) => a + b * b, 0) / z.length).toBeCloseTo(1, 5);
  });

  it("counts the rows that negative sampling keeps, with their weights", async () => {
    const rows = Array.from({ length: 4000 }, (_, i) => ({ k: i % 2, y: i % 20 === 0 ? 1 : 0 }));
    const { features, splits } = await prepare(
      { train: { rows }, label: "y", sampleNegatives: { keep: 0.25 } },
      [{ kind: "targetMean", name: "m", columns: ["k"], smoothing: 0 }],
    );
    expect(splits.train.rows).toBeLessThan(1500);
    const { keys, means, prior } = features.targetMeans!.m;
    expect(prior).toBeCloseTo(0.05, 2);
    expect(means[keys.indexOf("0")]).toBeCloseTo(0.1, 1);
    expect(means[keys.indexOf("1")]).toBe(0);
    for (const value of valuesOf(splits.train, "m"))
      expect(value === 0 || Math.abs(value - 0.1) < 0.03).toBe(true);
  });

  it("is independent of files and is packed again when a setting is another", async () => {
    const rows = Array.from({ length: 300 }, (_, i) => ({ k: i % 7, y: (i * 7919) % 3 === 0 ? 1 : 0 }));
    const one = await prepare({ train: { rows }, label: "y" }, [
      { kind: "targetMean", name: "m", columns: ["k"] },
    ]);
    const sql = "SELECT * FROM source WHERE k >= 0";
    const two = await prepare({ train: { rows, sql }, label: "y" }, [
      { kind: "targetMean", name: "m", columns: ["k"] },
    ]);
    expect(valuesOf(two.splits.train, "m")).toEqual(valuesOf(one.splits.train, "m"));
    for (const other of [{ seed: 1 }, { folds: 2 }, { smoothing: 1 }, { maxKeys: 3 }]) {
      const features: FeatureInput[] = [{ kind: "targetMean", name: "m", columns: ["k"], ...other }];
      const again = await prepare({ train: { rows }, label: "y" }, features);
      expect(again.fromCache).toBe(false);
      expect(valuesOf(again.splits.train, "m")).not.toEqual(valuesOf(one.splits.train, "m"));
    }
  });

  it("needs rows in an order that does not change", async () => {
    const rows = [0, 1].map((y) => ({ k: y, y }));
    const sql = "SELECT k, max(y) AS y FROM source GROUP BY k";
    const run = prepare({ train: { rows, sql }, label: "y" }, [
      { kind: "targetMean", name: "m", columns: ["k"] },
    ]);
    await expect(run).rejects.toThrow(/another order each time/);
  });
});

describe("a targetMean does not tell a row its own label", () => {
  const random = (seed: number) => (index: number) => draw(drawKey(seed, 1, 0), index);
  const keys: FeatureInput[] = [{ kind: "targetMean", name: "m", columns: ["k"], smoothing: 5 }];

  it.each([1, 2, 3])(
    "random keys and labels have an AUC of a half in training and outside, seed %i",
    async (seed) => {
      const of = random(seed);
      const rows = Array.from({ length: 6000 }, (_, i) => ({
        k: of(2 * i) % 2000,
        y: of(2 * i + 1) % 2,
        part: i % 2,
      }));
      const { splits: found } = await prepare({ source: { rows }, split: splits, label: "y" }, keys);
      for (const split of [found.train, found.valid!]) {
        const labels = Float32Array.from(valuesOf(split, "@label"));
        const result = auc(Float32Array.from(valuesOf(split, "m")), labels);
        // Three standard deviations of the AUC of 3,000 rows.
        expect(Math.abs((result.defined ? result.value : Number.NaN) - 0.5)).toBeLessThan(
          3 / Math.sqrt(3 * 3000),
        );
      }
    },
  );

  it("keeps the value of a row whose label is exchanged with that of a row of another key", async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat({ max: 99 }), fc.nat({ max: 99 }), async (i, j) => {
        const of = random(9);
        const rows = Array.from({ length: 100 }, (_, r) => ({ k: of(r) % 20, y: of(r + 1000) % 2 }));
        fc.pre(rows[i].k !== rows[j].k && rows[i].y !== rows[j].y);
        const swapped = rows.map((each, r) => (r === i || r === j ? { ...each, y: 1 - each.y } : each));
        const [one, two] = [
          await prepare({ train: { rows }, label: "y" }, keys),
          await prepare({ train: { rows: swapped }, label: "y" }, keys),
        ].map(({ splits: { train } }) => valuesOf(train, "m"));
        expect([two[i], two[j]]).toEqual([one[i], one[j]]);
        expect(two).not.toEqual(one);
      }),
      { numRuns: 10 },
    );
  });
});
