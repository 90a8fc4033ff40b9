import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { draw, drawKey, drawUnit, mix } from "./random.js";

const MASK = 0xffffffffn;

/** The definitions of docs/design/program-format.md, word for word in big integers. */
function specMix(h: bigint): bigint {
  let x = h & MASK;
  x ^= x >> 16n;
  x = (x * 0x21f0aaadn) & MASK;
  x ^= x >> 15n;
  x = (x * 0x735a2d97n) & MASK;
  return x ^ (x >> 15n);
}
function specDraw(seed: bigint, stream: bigint, step: bigint, index: bigint): bigint {
  const k0 = specMix((seed & MASK) ^ specMix((seed >> 32n) + 0x9e3779b9n) ^ specMix(stream + 0x85ebca6bn));
  let k1 = specMix(k0 ^ specMix((step & MASK) + 0xc2b2ae35n) ^ specMix((step >> 32n) + 0x27d4eb2fn));
  if (index >> 32n > 0n) k1 = specMix(k1 ^ specMix((index >> 32n) + 0x165667b1n));
  return specMix(specMix((index & MASK) ^ k0) + k1);
}

describe("draw", () => {
  const u32 = fc.oneof(fc.nat(2 ** 32 - 1), fc.constantFrom(0, 1, 2 ** 31, 2 ** 32 - 1));
  const u53 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32, 2 ** 53 - 1), u32);

  it("is the draw of the specification", () => {
    fc.assert(
      fc.property(u53, u32, u53, u53, (seed, stream, step, index) => {
        const expected = specDraw(BigInt(seed), BigInt(stream), BigInt(step), BigInt(index));
        expect(draw(drawKey(seed, stream, step), index)).toBe(Number(expected));
      }),
      { numRuns: 1000 },
    );
  });

  // The same words stand in native/tests/random_test.cc: the twins agree.
  it.each([
    [0, 0xd9aab17a],
    [2 ** 32 - 1, 0x7d2250bd],
    [2 ** 32, 0x30d4d05a],
    [2 ** 32 + 1, 0xe3a41b3a],
    [2 ** 40 + 12345, 0x09f1801b],
    [2 ** 53 - 1, 0x334e3311],
  ])("has the word of the native core at index %i", (index, word) => {
    expect(draw(drawKey(1, 2, 3), index)).toBe(word);
  });

  it("mixes without collisions: consecutive integers give distinct words", () => {
    const words = new Set(Array.from({ length: 1 << 16 }, (_, i) => mix(i)));
    expect(words.size).toBe(1 << 16);
  });

  it("depends on each of seed, stream, step and index", () => {
    const words = [
      draw(drawKey(1, 2, 3), 4),
      draw(drawKey(2, 2, 3), 4),
      draw(drawKey(1 + 2 ** 32, 2, 3), 4),
      draw(drawKey(1, 3, 3), 4),
      draw(drawKey(1, 2, 4), 4),
      draw(drawKey(1, 2, 3 + 2 ** 32), 4),
      draw(drawKey(1, 2, 3), 5),
      draw(drawKey(1, 2, 3), 4 + 2 ** 32),
    ];
    expect(new Set(words).size).toBe(words.length);
  });

  it("gives a unit of 24 bits in [0, 1), exact in float32", () => {
    const key = drawKey(1, 2, 3);
    for (let i = 0; i < 1000; i++) {
      const unit = drawUnit(key, i);
      expect(unit).toBe(Math.fround((draw(key, i) - (draw(key, i) % 256)) / 2 ** 32));
      expect(unit).toBeLessThan(1);
    }
  });
});

/*
 * Statistics. The draws are fixed, so a test cannot fail by chance; the bounds are those that a truly random sequence
 * would exceed with a probability of about 1e-9 (6 standard deviations).
 */
const N = 1 << 16;
const SIGMAS = 6;

/** Four ways to walk through the draws: each must look random, as each is used so. */
const WALKS: [string, (i: number) => number][] = [
  [
    "index",
    (
      (key) => (i: number) =>
        draw(key, i)
    )(drawKey(7, 1, 0)),
  ],
  [
    "index across 2^32",
    (
      (key) => (i: number) =>
        draw(key, 2 ** 32 - 2 ** 15 + i)
    )(drawKey(7, 1, 0)),
  ],
  [
    "upper half of the index",
    (
      (key) => (i: number) =>
        draw(key, i * 2 ** 32)
    )(drawKey(7, 1, 0)),
  ],
  ["step", (i) => draw(drawKey(7, 1, i), 0)],
  ["stream", (i) => draw(drawKey(7, i, 0), 0)],
  ["seed", (i) => draw(drawKey(i, 1, 0), 0)],
];

describe.each(WALKS)("draws by consecutive %s", (_, at) => {
  const words = Uint32Array.from({ length: N }, (_, i) => at(i));

  it("set each bit half of the time", () => {
    for (let bit = 0; bit < 32; bit++) {
      const ones = words.reduce((sum, word) => sum + ((word >>> bit) & 1), 0);
      expect(Math.abs(ones - N / 2), `bit ${bit}`).toBeLessThan((SIGMAS * Math.sqrt(N)) / 2);
    }
  });

  it.each([0, 8, 16, 24])("fill the 256 values of the byte at bit %i evenly (chi-square)", (shift) => {
    const counts = new Float64Array(256);
    for (const word of words) counts[(word >>> shift) & 255]++;
    const expected = N / 256;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    expect(Math.abs(chiSquare - 255)).toBeLessThan(SIGMAS * Math.sqrt(2 * 255));
  });

  it.each([1, 2, 16, 64])("do not correlate with the draw %i further on", (lag) => {
    let sum = 0;
    for (let i = 0; i + lag < N; i++) sum += (words[i] / 2 ** 32 - 0.5) * (words[i + lag] / 2 ** 32 - 0.5);
    const correlation = (sum / (N - lag)) * 12;
    expect(Math.abs(correlation)).toBeLessThan(SIGMAS / Math.sqrt(N - lag));
  });

  it("flip half of the bits from one draw to the next", () => {
    let flips = 0;
    for (let i = 0; i + 1 < N; i++) flips += popCount(words[i] ^ words[i + 1]);
    expect(Math.abs(flips / (N - 1) - 16)).toBeLessThan((SIGMAS * Math.sqrt(8)) / Math.sqrt(N - 1));
  });
});

function popCount(word: number): number {
  let count = 0;
  for (let rest = word >>> 0; rest; rest >>>= 1) count += rest & 1;
  return count;
}
