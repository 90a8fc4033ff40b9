import fc from "fast-check";
import { expect, it } from "vitest";
import { widen } from "../half.js";
import { draw, drawKey } from "../random.js";
import { firstNonFinite } from "./diverged.js";
import { initialLossWatch, watchLosses } from "./loss-watch.js";

const bits = fc.oneof(
  fc.integer({ min: 0, max: 0xffffffff }),
  fc.constantFrom(0x7f800000, 0xff800000, 0x7fc00000, 0x7f7fffff, 0x80000000, 0x7f800001),
);

it("finds the first float32 that is not finite", () => {
  fc.assert(
    fc.property(fc.array(bits, { maxLength: 40 }), (words) => {
      const values = new Float32Array(Uint32Array.from(words).buffer);
      const expected = Array.from(values).findIndex((value) => !Number.isFinite(value));
      expect(firstNonFinite(values, "fp32")).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

it.each(["fp16", "bf16"] as const)("finds every %s that is not finite", (dtype) => {
  const all = Uint16Array.from({ length: 1 << 16 }, (_, i) => i);
  const wide = new Float32Array(all.length);
  widen(all, wide, dtype);
  const found = all.filter((_, i) => firstNonFinite(all.subarray(i, i + 1), dtype) === 0);
  expect(found).toEqual(all.filter((_, i) => !Number.isFinite(wide[i])));
});

/** The step at which the watch stops these losses, given in pieces as calls of the backend return them. */
function stopOf(losses: readonly number[], piece = losses.length): number | undefined {
  let state = initialLossWatch;
  try {
    for (let at = 0; at < losses.length; at += piece)
      state = watchLosses(state, Float32Array.from(losses.slice(at, at + piece)), at);
    return undefined;
  } catch (error) {
    return (error as { step?: number }).step;
  }
}

const after = (from: number, factor: number) =>
  Array.from({ length: from + 200 }, (_, step) => (step < from ? 0.5 + 0.1 * Math.sin(step) : 0.5 * factor));

it.each([20, 60, 100, 499, 2000])("a tenfold loss from step %d on stops within 100 steps", (from) => {
  const stop = stopOf(after(from, 10))!;
  expect(stop).toBeGreaterThanOrEqual(from);
  expect(stop).toBeLessThan(from + 100);
  expect(stopOf(after(from, 1000))).toBeLessThan(from + 100);
});

it("a loss that is somewhat higher, or high for a moment, does not stop a run", () => {
  expect(stopOf(after(500, 3))).toBeUndefined();
  const spiked = after(500, 1).map((loss, step) => (step % 100 < 25 ? loss * 50 : loss));
  expect(stopOf(spiked.slice(0, 700))).toBeUndefined();
});

it.each([1, 2, 4, 12, 19])("a loss that explodes in step %d stops within 100 steps", (from) => {
  for (const loss of [15, 30, 70, 1e3, 5e16]) {
    const stop = stopOf(Array.from({ length: 200 }, (_, step) => (step < from ? 0.7 : loss)));
    expect(stop).toBeLessThan(from + 100);
  }
});

it("a loss that is sevenfold for long, or tenfold for 60 steps, does not stop a run", () => {
  const rising = (factor: number, steps: number) =>
    Array.from({ length: 2000 }, (_, step) => (step >= 500 && step < 500 + steps ? 0.5 * factor : 0.5));
  expect(stopOf(rising(7, 1500))).toBeUndefined();
  expect(stopOf(rising(10, 60))).toBeUndefined();
  expect(stopOf(rising(100, 60))).toBeUndefined();
});

it("a loss that is 0 in the first steps, of rows without weight, does not stop a run", () => {
  for (const zeros of [1, 10, 50])
    expect(stopOf(Array.from({ length: 500 }, (_, step) => (step < zeros ? 0 : 0.7)))).toBeUndefined();
});

it.each([0.1, 0.5, 1])(
  "at most one of 100 healthy runs is stopped, also with heavy tails (width %f)",
  (width) => {
    const isStopped = (run: number) => {
      const key = drawKey(run, 1, 0);
      // The logarithm of a loss has a logistic distribution.
      const lossAt = (step: number) => {
        const u = (draw(key, step) + 0.5) / 2 ** 32;
        return (u / (1 - u)) ** width;
      };
      return stopOf(Array.from({ length: 1000 }, (_, step) => lossAt(step))) !== undefined;
    };
    expect(Array.from({ length: 300 }, (_, run) => isStopped(run)).filter(Boolean).length).toBeLessThan(4);
  },
);

it("a loss near zero may rise tenfold: only rounding is there", () => {
  const losses = Array.from({ length: 1000 }, (_, step) => (step < 50 ? 0.7 : step < 700 ? 1e-7 : 1e-5));
  expect(stopOf(losses)).toBeUndefined();
});

it("stops at the same step however the steps are divided into calls", () => {
  for (const piece of [1, 7, 64]) expect(stopOf(after(300, 20), piece)).toBe(stopOf(after(300, 20)));
});

it("takes losses of zero, such as of rows without weight", () => {
  expect(stopOf(Array.from({ length: 1000 }, () => 0))).toBeUndefined();
});
