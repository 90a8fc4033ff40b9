import fc from "fast-check";
import { expect, it } from "vitest";
import type { BagColumn } from "../../columns/columns.js";
import { packRows, type RawRow } from "../encoder.js";
import { fitFeatures } from "../fit.js";
import { type FeatureInput, featuresSchema } from "../schema/features.js";

const AGE = {
  kind: "ages",
  name: "ages",
  sequence: "clicks",
  column: "times",
  time: "now",
  buckets: 20,
} as const;
const MISSING = 20;

function ages(rows: readonly RawRow[], feature: FeatureInput = AGE) {
  const features = featuresSchema.parse([feature]);
  const { columns, bad } = packRows(fitFeatures(features, { vocabularies: {}, numbers: {} }), rows);
  const { values, offsets } = columns.get("ages") as BagColumn;
  const lists = rows.map((_, r) =>
    Array.from(values.subarray(Number(offsets[r]), Number(offsets[r + 1])), Number),
  );
  return { lists, bad: bad.map(({ row, reason }) => [row, reason]) };
}

/** Doubles the end of a range until it is above the age. */
function rangeOf(seconds: number): number {
  let range = 0;
  while (range < 19 && 2 ** (range + 1) - 1 <= seconds) range++;
  return range;
}

it("is the range of the time between entry and row", () => {
  const start = Date.UTC(2026, 0, 1);
  const seconds = fc.oneof(fc.integer({ min: 0, max: 5_000_000 }), fc.constantFrom(0, 1, 2, 3, 6, 7, 8));
  fc.assert(
    fc.property(fc.array(seconds, { maxLength: 8 }), (before) => {
      const dates = before.map((age) => new Date(start - 1000 * age));
      const { lists } = ages([
        { now: new Date(start), times: dates },
        { now: "2026-01-01", times: dates.map((date) => date.toISOString()) },
        { now: start / 1000, times: before.map((age) => start / 1000 - age) },
      ]);
      expect(lists).toEqual([0, 1, 2].map(() => before.map(rangeOf)));
    }),
  );
});

it("has the row of missing values for an entry or a row without a time, and range 0 for an entry after its row", () => {
  const { lists, bad } = ages([
    { now: 10, times: [null, 9, 30] },
    { now: null, times: [1, 2] },
    { now: 10, times: null },
    { now: 10, times: "3,9" },
  ]);
  expect(bad).toEqual([]);
  expect(lists).toEqual([[MISSING, 1, 0], [MISSING, MISSING], [], [3, 1]]);
});

it("keeps the newest entries, and refuses what is no time or of another unit", () => {
  expect(ages([{ now: 10, times: [1, 9, 10] }], { ...AGE, max: 2 }).lists).toEqual([[1, 0]]);
  const { bad } = ages([
    { now: 10, times: ["soon"] },
    { now: 10, times: [new Date(0)] },
    { now: 10, times: [3] },
  ]);
  expect(bad).toEqual([0, 1].map((row) => [row, "neither a date nor a timestamp"]));
});
