import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BagColumn } from "../columns/columns.js";
import { packRows, type RawRow } from "./encoder.js";
import { fitFeatures } from "./fit.js";
import type { FittedFeatures } from "./fitted.js";
import { refusalText } from "./refusal.js";
import { type FeatureInput, featuresSchema } from "./schema/features.js";

const NOTHING_LEARNED = { vocabularies: {}, numbers: {} };

function fit(...features: FeatureInput[]): FittedFeatures {
  return fitFeatures(featuresSchema.parse(features), NOTHING_LEARNED);
}

const ITEMS = { kind: "sequence", name: "items", sequence: "history", buckets: 10 } as const;
const PRICES = { kind: "sequence", name: "prices", sequence: "history" } as const;
const SHOPS = { kind: "sequence", name: "shops", sequence: "history", buckets: 5 } as const;

/** The entries of each row, and the rows that are refused. */
function encoded(fitted: FittedFeatures, rows: readonly RawRow[]) {
  const { columns, bad } = packRows(fitted, rows);
  const entriesOf = (name: string): number[][] => {
    const { values, offsets } = columns.get(name) as BagColumn;
    return rows.map((_, r) =>
      Array.from(values.subarray(Number(offsets[r]), Number(offsets[r + 1])), Number),
    );
  };
  return { entriesOf, bad };
}

describe("a sequence", () => {
  it("keeps the order of its entries, and of more than the maximum the last ones", () => {
    const history = fc.array(fc.integer({ min: 0, max: 9 }), { maxLength: 12 });
    fc.assert(
      fc.property(
        fc.array(history, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 8 }),
        (rows, max) => {
          const { entriesOf, bad } = encoded(
            fit({ ...ITEMS, max }),
            rows.map((items) => ({ items })),
          );
          expect(bad).toEqual([]);
          expect(entriesOf("items")).toEqual(rows.map((items) => items.slice(-max)));
        },
      ),
    );
  });

  it("is missing where a single value has no text", () => {
    const values = [Number.NaN, Number.POSITIVE_INFINITY, new Date(Number.NaN), 3, [Number.NaN]];
    const rows = values.map((items) => ({ items }));
    const { entriesOf, bad } = encoded(fit({ kind: "sequence", name: "items", hash: 10 }), rows);
    expect(bad).toEqual([]);
    expect(entriesOf("items").map(({ length }) => length)).toEqual([0, 0, 0, 1, 1]);
    const refusing = fit({ kind: "ids", name: "items", hash: 10, missing: "refuse" });
    expect(encoded(refusing, rows).bad.map(({ row }) => row)).toEqual([0, 1, 2]);
  });

  it("has an entry for every element, also for a missing one, which has the row of missing values", () => {
    const { entriesOf, bad } = encoded(fit(ITEMS), [
      { items: [1, null, 2] },
      { items: null },
      {},
      { items: [] },
    ]);
    expect(bad).toEqual([]);
    expect(entriesOf("items")).toEqual([[1, 10, 2], [], [], []]);
  });

  it("reads lists, texts with a separator and JSON arrays as the same sequence", () => {
    const rows = [[3, 1, 4], "3|1|4", "[3, 1, 4]"].map((items) => ({ items }));
    const { entriesOf, bad } = encoded(fit({ ...ITEMS, separator: "|" }), rows);
    expect(bad).toEqual([]);
    expect(entriesOf("items")).toEqual([
      [3, 1, 4],
      [3, 1, 4],
      [3, 1, 4],
    ]);
  });

  it("refuses a row whose columns have different numbers of entries, however many are kept", () => {
    const fitted = fit({ ...ITEMS, max: 2 }, { ...SHOPS, max: 2 });
    const rows = [
      { items: [1, 2, 3], shops: [1, 2, 3] },
      { items: [1, 2, 3], shops: [2, 3] },
      { items: [], shops: null },
      { items: [1], shops: null },
    ];
    const { entriesOf, bad } = encoded(fitted, rows);
    expect(bad.map(({ row, reason }) => [row, reason])).toEqual([1, 3].map((row) => [row, refusalText(-17)]));
    expect(entriesOf("items")[0]).toEqual([2, 3]);
  });

  it("refuses a row with a value that the feature refuses, unless its entry is cut", () => {
    const { bad } = encoded(fit({ ...ITEMS, max: 1 }), [{ items: [99, 1] }, { items: [1, 99] }]);
    expect(bad.map(({ row }) => row)).toEqual([1]);
  });

  it("has numbers as weights of its entries, transformed as those of rows are", () => {
    const numbers = fc.array(fc.oneof(fc.double({ noNaN: true, min: -5, max: 1e6 }), fc.constant(null)), {
      maxLength: 12,
    });
    fc.assert(
      fc.property(
        fc.array(numbers, { minLength: 1, maxLength: 20 }),
        fc.integer({ min: 1, max: 8 }),
        (rows, max) => {
          const { columns, bad } = packRows(
            fit({ ...PRICES, max, number: { normalize: "log", missing: 3 } }),
            rows.map((prices) => ({ prices })),
          );
          const { values, offsets, weights } = columns.get("prices") as BagColumn;
          const kept = rows.map((prices) => prices.slice(-max));
          expect(bad).toEqual([]);
          expect(Array.from(values, Number)).toEqual(kept.flatMap((prices) => prices.map(() => 0)));
          expect(Array.from(weights!)).toEqual(
            kept.flat().map((price) => Math.fround(Math.log1p(Math.max(price ?? 3, 0)))),
          );
          expect(Number(offsets[rows.length])).toBe(kept.flat().length);
        },
      ),
    );
  });

  it("refuses a row with a number that is none, unless its entry is cut or it is imputed", () => {
    const rows = [
      ["x", 1],
      [1, Number.NaN],
      [1, 2],
    ].map((prices) => ({ prices }));
    const refused = (number: object, max?: number) =>
      packRows(fit({ ...PRICES, number, max }), rows).bad.map(({ row }) => row);
    expect(refused({})).toEqual([0, 1]);
    expect(refused({}, 1)).toEqual([1]);
    expect(refused({ nonFinite: "impute" })).toEqual([]);
  });

  it("has numbers or ids", () => {
    const parse = (feature: object) => featuresSchema.safeParse([feature]).error?.issues ?? [];
    expect(parse({ ...PRICES, number: {}, buckets: 3 })[0].message).toMatch(/buckets is for ids/);
    expect(parse({ ...PRICES, number: {}, dim: 3 })[0].message).toMatch(/dim is for ids/);
    expect(parse({ ...PRICES, number: { normalize: "none" } })).toHaveLength(1);
    expect(parse(PRICES)[0].message).toMatch(/exactly one of/);
    expect(() => fit({ ...PRICES, number: { normalize: { expression: "log(x)" } } })).toThrow(
      /missing prices has no finite/,
    );
  });

  it("has one maximum for all of its columns, and vectors of one table", () => {
    const parse = (...features: object[]) => featuresSchema.safeParse(features).error?.issues ?? [];
    expect(parse({ ...ITEMS, max: 3 }, SHOPS)[0].message).toMatch(/must equal features\[0\].max/);
    const { buckets: _, ...items } = ITEMS;
    expect(parse({ ...items, hash: { size: 100, combine: "add" } })[0].message).toMatch(/one table/);
  });
});
