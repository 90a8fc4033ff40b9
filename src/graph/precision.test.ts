import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { roundToBf16 } from "./precision.js";

/** The numbers with eight significant bits around x. */
function neighbours(x: number): [number, number] {
  const step = 2 ** (Math.floor(Math.log2(Math.abs(x))) - 7);
  return [Math.floor(x / step) * step, Math.ceil(x / step) * step];
}

describe("roundToBf16", () => {
  it("takes the nearest number with eight significant bits", () => {
    const normal = fc
      .float({ noNaN: true, noDefaultInfinity: true, max: 2 ** 127, min: -(2 ** 127) })
      .filter((x) => Math.abs(x) >= 2 ** -126);
    fc.assert(
      fc.property(normal, (x) => {
        const [below, above] = neighbours(x);
        const got = roundToBf16(x);
        expect([below, above]).toContain(got);
        expect(Math.abs(got - x)).toBe(Math.min(x - below, above - x));
      }),
    );
  });

  it.each([
    [1 + 2 ** -8, 1], // ties go to the even one
    [1 + 3 * 2 ** -8, 1 + 2 ** -6],
    [0, 0],
    [-0, -0],
    [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY],
    [Number.NaN, Number.NaN],
    [3.4028234663852886e38, Number.POSITIVE_INFINITY],
  ])("%d becomes %d", (x, expected) => {
    expect(roundToBf16(x)).toBe(expected);
  });
});
