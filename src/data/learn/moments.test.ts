import fc from "fast-check";
import { expect, it } from "vitest";
import { Moments } from "./moments.js";

it("measures finite numbers as the sums of their definitions do", () => {
  const numbers = fc.array(fc.oneof(fc.double({ min: -1e6, max: 1e6 }), fc.constant(Number.NaN)));
  fc.assert(
    fc.property(numbers, fc.double({ min: -1e6, max: 1e6, noNaN: true }), (values, shift) => {
      const sample = new Moments();
      const shifted = values.map((x) => x + shift);
      for (const x of [...shifted, Number.POSITIVE_INFINITY]) sample.add(x);
      const finite = shifted.filter(Number.isFinite);
      const found = sample.statistics();
      expect(found === undefined).toBe(finite.length === 0);
      if (finite.length === 0) return;
      const mean = finite.reduce((sum, x) => sum + x, 0) / finite.length;
      const variance = finite.reduce((sum, x) => sum + (x - mean) ** 2, 0) / finite.length;
      // A rounding error for each number, in units of the largest; no number is closer to another than the smallest.
      const largest = Math.max(...finite.map(Math.abs));
      const error = finite.length * (1e-15 * largest + Number.MIN_VALUE);
      expect(Math.abs(found!.mean - mean)).toBeLessThanOrEqual(error);
      expect(Math.abs(found!.std - Math.sqrt(variance))).toBeLessThanOrEqual(
        Math.sqrt(error * (error + 1)) + error,
      );
      expect([found!.min, found!.max]).toEqual([Math.min(...finite), Math.max(...finite)]);
    }),
  );
});
