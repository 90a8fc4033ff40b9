import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type HalfDtype, narrow, roundStochastically, roundToBf16, widen } from "./half.js";

const DTYPES: readonly HalfDtype[] = ["fp16", "bf16"];
const FINITE = { fp16: 0x7c00, bf16: 0x7f80 };

/** Every finite number from 0 on, ascending, and what would come next. */
function numbers(dtype: HalfDtype): Float64Array {
  const fractions = dtype === "fp16" ? 10 : 7;
  const bias = dtype === "fp16" ? 15 : 127;
  return Float64Array.from({ length: FINITE[dtype] + 1 }, (_, half) => {
    const exponent = half >> fractions;
    const significand = (half % 2 ** fractions) / 2 ** fractions + (exponent > 0 ? 1 : 0);
    return significand * 2 ** (Math.max(exponent, 1) - bias);
  });
}

const LADDERS = { fp16: numbers("fp16"), bf16: numbers("bf16") };

const widened = (half: number, dtype: HalfDtype): number => {
  const to = new Float32Array(1);
  widen(Uint16Array.of(half), to, dtype);
  return to[0];
};

const nearest = (x: number, dtype: HalfDtype): number => {
  const to = new Uint16Array(1);
  narrow(Float32Array.of(x), to, dtype);
  return to[0];
};

/** Among them many within the range of the format. */
const anyFloat = fc.oneof(
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc
    .tuple(fc.float({ min: 0.5, max: 1, noNaN: true }), fc.integer({ min: -30, max: 17 }), fc.boolean())
    .map(([x, exponent, negative]) => Math.fround(x * 2 ** exponent * (negative ? -1 : 1))),
);

it.each(DTYPES)("widens every %s", (dtype) => {
  const expected = Float32Array.from(LADDERS[dtype].subarray(0, FINITE[dtype]));
  const to = new Float32Array(expected.length);
  const halves = Uint16Array.from(expected, (_, half) => half);
  widen(halves, to, dtype);
  expect(to).toEqual(expected);
  widen(
    halves.map((half) => half | 0x8000),
    to,
    dtype,
  );
  expect(to).toEqual(expected.map((value) => -value));
  expect(widened(FINITE[dtype], dtype)).toBe(Number.POSITIVE_INFINITY);
  expect(widened(FINITE[dtype] | 0x8000, dtype)).toBe(Number.NEGATIVE_INFINITY);
  expect(widened(FINITE[dtype] + 1, dtype)).toBeNaN();
});

/** The two neighbours of |x|, and x's share of the way from the lower one. */
function between(x: number, dtype: HalfDtype): { low: number; share: number } {
  const rungs = LADDERS[dtype];
  const size = Math.abs(x);
  const above = rungs.findIndex((rung) => rung > size);
  if (above < 0) return { low: FINITE[dtype], share: 0 };
  return { low: above - 1, share: (size - rungs[above - 1]) / (rungs[above] - rungs[above - 1]) };
}

it.each(DTYPES)("narrows to the nearest %s, ties to even", (dtype) => {
  fc.assert(
    fc.property(anyFloat, (x) => {
      const { low, share } = between(x, dtype);
      const up = share > 0.5 || (share === 0.5 && low % 2 === 1);
      const sign = Object.is(x, -0) || x < 0 ? 0x8000 : 0;
      expect(nearest(x, dtype)).toBe(sign | (low + (up ? 1 : 0)));
    }),
  );
});

it.each(DTYPES)("rounds to a neighbour in %s, up for as many draws as x's share of the way", (dtype) => {
  fc.assert(
    fc.property(anyFloat, (x) => {
      const { low, share } = between(x, dtype);
      const sign = Object.is(x, -0) || x < 0 ? 0x8000 : 0;
      const at = (drawn: number) => (roundStochastically(x, dtype, drawn) & 0x7fff) - low;
      expect(roundStochastically(x, dtype, 0) & 0x8000).toBe(sign);
      // Draws spread evenly over all u32.
      const count = 64;
      let ups = 0;
      for (let i = 0; i < count; i++) {
        const up = at(Math.floor(((i + 0.5) / count) * 2 ** 32));
        expect([0, 1]).toContain(up);
        ups += up;
      }
      expect(Math.abs(ups - share * count)).toBeLessThanOrEqual(1);
    }),
  );
});

it.each(DTYPES)("keeps NaN, infinities and every number of %s", (dtype) => {
  for (const drawn of [0, 12345, 0xffffffff]) {
    expect(widened(roundStochastically(Number.NaN, dtype, drawn), dtype)).toBeNaN();
    for (const x of [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
      expect(widened(roundStochastically(x, dtype, drawn), dtype)).toBe(x);
    for (let half = 0; half < FINITE[dtype]; half += 7)
      expect(roundStochastically(widened(half, dtype), dtype, drawn)).toBe(half);
  }
  expect(widened(nearest(Number.NaN, dtype), dtype)).toBeNaN();
  expect(nearest(Number.NEGATIVE_INFINITY, dtype)).toBe(FINITE[dtype] | 0x8000);
});

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
