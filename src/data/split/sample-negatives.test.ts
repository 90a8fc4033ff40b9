import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Column, type ColumnSet, LABEL_COLUMN, WEIGHT_COLUMN } from "../../columns/columns.js";
import { featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema } from "../data-config.js";
import { readQuarantine } from "../pack/quarantine.js";
import { prepareData } from "../prepare.js";

let root: string;
let caches = 0;
beforeAll(() => {
  root = mkdtempSync(join(tmpdir(), "pairloom-sample-"));
});
afterAll(() => rmSync(root, { recursive: true, force: true }));

function numbersOf(set: ColumnSet, name: string): number[] {
  const { data, offset, stride } = set.columns.get(name) as Extract<Column, { kind: "number" }>;
  return Array.from({ length: set.rows }, (_, r) => data[offset + r * stride]);
}

const features = featuresSchema.parse([
  { kind: "number", name: "row" },
  { kind: "id", name: "k", vocabulary: {} },
]);

const prepare = (data: Partial<DataInput>) =>
  prepareData({
    data: dataSchema.parse({ cacheDir: join(root, String(caches++)), label: "y", ...data }),
    features,
  });

/** The documented number in [0, 1) of a text, with 53 bits. */
function unit(text: string): number {
  const digest = createHash("md5").update(text).digest();
  return Number(digest.readBigUInt64LE(8) >> 11n) / 2 ** 53;
}

const rows = Array.from({ length: 2000 }, (_, row) => ({
  row,
  k: `k${row}`,
  y: Number(row % 20 === 0),
  z: Number(row % 30 === 0),
  w: 1 + (row % 3),
}));
const isKept = (row: number, keep: number, seed: number) => unit(`sample:${seed}:${row + 1}`) < keep;

describe("sampleNegatives", () => {
  const keep = 0.125;

  it("shows refused weights as they are written", async () => {
    const weights = ["x", -1, "inf", "0.5", 2];
    const { splits } = await prepare({
      train: { rows: weights.map((w, row) => ({ row, k: "a", y: 0, w })) },
      ...{ weight: "w", maxBadRows: 1, sampleNegatives: { keep: 0.999, seed: 5 } },
    });
    expect(numbersOf(splits.train, WEIGHT_COLUMN)).toEqual([0.5, 2].map((w) => Math.fround(w / 0.999)));
    const refused = readQuarantine(splits.train.quarantinePath).map(({ value }) => value);
    expect(refused).toEqual(["x", "-1", "inf"]);
  });

  it("keeps the negative rows of the formula, with the weight 1 / keep", async () => {
    const { splits, features: fitted } = await prepare({
      train: { rows },
      valid: { rows },
      sampleNegatives: { keep, seed: 5 },
    });
    const kept = rows.filter(({ row, y }) => y === 1 || isKept(row, keep, 5));
    expect(numbersOf(splits.train, "row")).toEqual(kept.map(({ row }) => row));
    expect(numbersOf(splits.train, WEIGHT_COLUMN)).toEqual(kept.map(({ y }) => (y === 1 ? 1 : 8)));
    expect(fitted.vocabularies.k.toSorted()).toEqual(kept.map(({ k }) => k).toSorted());
    const { rowsRead, rows: used, leftOut, quarantined } = splits.train;
    expect([rowsRead, used, leftOut, quarantined]).toEqual([2000, kept.length, 2000 - kept.length, 0]);
    expect(splits.valid).toMatchObject({ rowsRead: 2000, rows: 2000, leftOut: 0 });
    expect(new Set(numbersOf(splits.valid!, WEIGHT_COLUMN))).toEqual(new Set([1]));
  });

  it("weighs the kept rows like all rows, up to the error of the draw", async () => {
    const { splits } = await prepare({ train: { rows }, sampleNegatives: { keep }, weight: "w" });
    const labels = numbersOf(splits.train, LABEL_COLUMN);
    const total = numbersOf(splits.train, WEIGHT_COLUMN).reduce((sum, w, i) => sum + (labels[i] ? 0 : w), 0);
    const negatives = rows.filter(({ y }) => y === 0);
    const wanted = negatives.reduce((sum, { w }) => sum + w, 0);
    const variance = negatives.reduce((sum, { w }) => sum + (w * w * (1 - keep)) / keep, 0);
    expect(Math.abs(total - wanted)).toBeLessThan(4 * Math.sqrt(variance));
    const positive = numbersOf(splits.train, WEIGHT_COLUMN).filter((_, i) => labels[i]);
    expect(positive).toEqual(rows.filter(({ y }) => y === 1).map(({ w }) => w));
  });

  it.each<[string, DataInput["split"], (row: number) => boolean]>([
    ["predicates", { train: "row < 1000", test: "row >= 1000" }, (row) => row < 1000],
    ["time", { time: "row", test: 0.25 }, (row) => row < 1500],
    ["by a column", { by: "k", test: 0.5 }, (row) => unit(`split:0:k${row}`) < 0.5],
    ["by row", { test: 0.5 }, (row) => unit(`split:0:${row + 1}`) < 0.5],
  ])("samples the training split only, split by %s", async (_, split, isTrain) => {
    const { splits } = await prepare({ source: { rows }, split, sampleNegatives: { keep } });
    const train = rows.filter(({ row, y }) => isTrain(row) && (y === 1 || isKept(row, keep, 0)));
    expect(numbersOf(splits.train, "row")).toEqual(train.map(({ row }) => row));
    expect(numbersOf(splits.train, WEIGHT_COLUMN)).toEqual(train.map(({ y }) => (y === 1 ? 1 : 8)));
    const test = rows.filter(({ row }) => !isTrain(row));
    expect(numbersOf(splits.test!, "row")).toEqual(test.map(({ row }) => row));
    expect(new Set(numbersOf(splits.test!, WEIGHT_COLUMN))).toEqual(new Set([1]));
    expect(splits.train.rowsRead + splits.test!.rowsRead).toBe(rows.length);
  });

  it("samples rows of which every label is 0", async () => {
    const { splits } = await prepare({ train: { rows }, label: ["y", "z"], sampleNegatives: { keep } });
    const kept = rows.filter(({ row, y, z }) => y === 1 || z === 1 || isKept(row, keep, 0));
    expect(numbersOf(splits.train, "row")).toEqual(kept.map(({ row }) => row));
  });

  it("leaves rows without a label to the quarantine", async () => {
    const odd = rows.map((row) => (row.row % 100 === 1 ? { ...row, y: null } : row));
    const { splits } = await prepare({ train: { rows: odd }, sampleNegatives: { keep }, maxBadRows: 0.5 });
    expect(splits.train.reasons).toEqual({ "@label: missing value": 20 });
    expect(splits.train.rowsRead).toBe(2000);
  });

  it("compares maxBadRows with the rows that it keeps", async () => {
    const odd = rows.map((row) => (row.row % 100 === 1 ? { ...row, y: null } : row));
    const error = await prepare({ train: { rows: odd }, sampleNegatives: { keep }, maxBadRows: 0.03 }).catch(
      (thrown) => thrown,
    );
    expect(error.message).toMatch(/too many rows of train were refused\n {2}got: +20 of 3\d\d rows/);
  });
});
