import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { bucketOf } from "../../features/transform.js";
import { quantileBoundaries } from "./quantiles.js";
import { ValueCounts } from "./value-counts.js";

const countsOf = (values: readonly number[]) => {
  const counts = new ValueCounts();
  for (const x of values) counts.add(x);
  return counts.sorted();
};
const boundariesOf = (values: readonly number[], ranges: number) =>
  quantileBoundaries(countsOf(values), ranges);
const shuffled = (values: readonly number[]) =>
  fc.shuffledSubarray([...values], { minLength: values.length });

describe("ValueCounts", () => {
  it("counts finite values as 32-bit floats, in any order", () => {
    const value = fc.oneof(
      fc.integer({ min: -9, max: 9 }),
      fc.double({ noNaN: true, noDefaultInfinity: true }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -0, 0.1, Math.fround(0.1)),
    );
    fc.assert(
      fc.property(fc.array(value, { maxLength: 2000, size: "max" }), (values) => {
        const most = 2 ** 128 - 2 ** 104;
        const expected = new Map<number, number>();
        for (const x of values.filter(Number.isFinite)) {
          const float = Math.fround(Math.max(Math.min(x, most), -most)) || 0;
          expected.set(float, (expected.get(float) ?? 0) + 1);
        }
        const found = countsOf(values);
        expect([...found.values].map((x, j) => [x, found.counts[j]])).toEqual(
          [...expected].sort(([a], [b]) => a - b),
        );
      }),
      { numRuns: 40 },
    );
  });
});

describe("quantileBoundaries", () => {
  it("cuts distinct values at their quantiles", () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.integer({ min: 1, max: 300 }), (ranges, n) => {
        const values = Array.from({ length: n }, (_, i) => i * 3 - 7);
        const ranks = Array.from({ length: ranges - 1 }, (_, i) => Math.floor(((i + 1) * n) / ranges));
        const expected = [...new Set(ranks.map((rank) => values[rank]))].filter((x) => x > values[0]);
        const found = boundariesOf(values, ranges);
        if (n > ranges) expect(found).toEqual(expected);
        else expect(found).toEqual(values.slice(1));
      }),
    );
    expect(boundariesOf([5, 1, 4, 2, 3, 8, 7, 6], 4)).toEqual([3, 5, 7]);
  });

  const values = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer({ min: 0, max: 500 })), {
    minLength: 1,
    maxLength: 400,
    size: "max",
  });

  it("gives no range without values, and as many ranges as asked where there are as many values", () => {
    fc.assert(
      fc.property(values, fc.integer({ min: 2, max: 50 }), (sample, ranges) => {
        const boundaries = boundariesOf(sample, ranges);
        const rows = new Set(sample.map((x) => bucketOf(x, boundaries)));
        expect(rows.size).toBe(boundaries.length + 1);
        expect(rows.size).toBeLessThanOrEqual(ranges);
        if (new Set(sample).size <= ranges) expect(rows.size).toBe(new Set(sample).size);
      }),
    );
  });

  it("does not depend on the order of the values", () => {
    fc.assert(
      fc.property(
        values.chain((sample) => fc.tuple(fc.constant(sample), shuffled(sample))),
        ([sample, other]) => {
          expect(boundariesOf(other, 8)).toEqual(boundariesOf(sample, 8));
        },
      ),
    );
  });

  it("divides the rest where one value is most of them", () => {
    const sample = [...Array<number>(900).fill(0), ...Array.from({ length: 100 }, (_, i) => i + 1)];
    const boundaries = boundariesOf(sample, 8);
    const sizes = Array<number>(boundaries.length + 1).fill(0);
    for (const x of sample) sizes[bucketOf(x, boundaries)]++;
    expect(sizes.length).toBe(8);
    for (const size of sizes.slice(1)) expect(Math.abs(size - 100 / 7)).toBeLessThan(3);
  });
});
