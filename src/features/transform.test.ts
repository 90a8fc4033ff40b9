import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { FittedNumber } from "./fitted.js";
import { bucketOf, compileNumber } from "./transform.js";

const number = (over: Partial<FittedNumber>): FittedNumber => ({
  kind: "number",
  name: "x",
  reading: { columns: ["x"], as: "number" },
  width: 1,
  transform: { kind: "identity" },
  missing: 0,
  nonFinite: "refuse",
  ...over,
});

describe("bucketOf", () => {
  it("has one range for a number as a 32-bit and as a 64-bit float", () => {
    const numbers = fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e30, max: 1e30 });
    fc.assert(
      fc.property(numbers, (x) => {
        expect([bucketOf(x, [x]), bucketOf(Math.fround(x), [x])]).toEqual([1, 1]);
      }),
    );
    expect(bucketOf(1e300, [1e299, 2e300])).toBe(1);
  });

  it("counts the boundaries at or below the value", () => {
    const ascending = fc
      .uniqueArray(fc.integer({ min: -20, max: 20 }), { minLength: 1 })
      .map((values) => values.sort((a, b) => a - b));
    fc.assert(
      fc.property(ascending, fc.integer({ min: -25, max: 25 }), (boundaries, value) => {
        expect(bucketOf(value, boundaries)).toBe(boundaries.filter((boundary) => boundary <= value).length);
      }),
    );
  });

  it("has the example of tf.bucketize", () => {
    // tf.raw_ops.Bucketize: boundaries [0, 10, 100], input [[-5, 10000], [150, 10], [5, 100]].
    expect([-5, 10000, 150, 10, 5, 100].map((x) => bucketOf(x, [0, 10, 100]))).toEqual([0, 3, 3, 2, 1, 3]);
  });
});

describe("compileNumber", () => {
  it("log is log1p of the positive part", () => {
    const { encode } = compileNumber(number({ transform: { kind: "log" } }));
    expect(encode(9)).toBe(Math.fround(Math.log(10)));
    expect(encode(-4)).toBe(0);
  });

  it("affine subtracts and divides; a missing value goes through it too", () => {
    const { encode, missing } = compileNumber(
      number({ transform: { kind: "affine", shift: 10, scale: 4 }, missing: 12 }),
    );
    expect(encode(20)).toBe(2.5);
    expect(missing).toBe(0.5);
  });

  it("refuses what is not finite before or after the transform, or imputes it", () => {
    const transform = { kind: "expression", expression: "log(x)" } as const;
    const strict = compileNumber(number({ transform, missing: 1 }));
    expect([Number.NaN, Number.POSITIVE_INFINITY, -1, 0].map(strict.encode)).toEqual(
      Array(4).fill(Number.NaN),
    );
    const lenient = compileNumber(number({ transform, missing: Math.E, nonFinite: "impute" }));
    expect([Number.NaN, Number.POSITIVE_INFINITY, -1, 0].map(lenient.encode)).toEqual([1, 1, 1, 1]);
  });

  it("refuses what an fp32 cannot hold", () => {
    expect(compileNumber(number({})).encode(1e39)).toBeNaN();
    expect(compileNumber(number({ missing: null })).missing).toBeNaN();
  });
});
