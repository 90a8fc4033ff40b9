/**
 * 16-bit floats, whose values a float32 holds all exactly: `fp16` (IEEE 754 binary16: 5 exponent and 10 fraction bits) and
 * `bf16` (the upper half of a float32: 8 and 7). Arrays of them are `Uint16Array`.
 */
export type HalfDtype = "fp16" | "bf16";

/** Numbers on their way: fp32, or the bits of 16-bit floats. */
export type Numbers = Float32Array | Uint16Array;

/** An array for numbers of a dtype. */
export function numbersOf(dtype: "fp32" | HalfDtype, length: number): Numbers {
  return dtype === "fp32" ? new Float32Array(length) : new Uint16Array(length);
}

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

const MAGNITUDE = 0x7fffffff;
const INFINITY = 0x7f800000;
/** Of the formats: the bits of float32 that they lack, infinity and a quiet NaN. */
const FORMATS = {
  fp16: { lost: 13, infinity: 0x7c00, nan: 0x7e00 },
  bf16: { lost: 16, infinity: 0x7f80, nan: 0x7fc0 },
} as const;
/** What float32's exponent of a binary16 has more, in the place where binary16 has it. */
const BIAS = 112 << 10;
/** Binary16 is subnormal, whole multiples of 2^-24, below 2^-14. */
const SMALL = 0x38800000;

/** Exact. The arrays are of one length. */
export function widen(from: Uint16Array, to: Float32Array, dtype: HalfDtype): void {
  if (dtype === "bf16") {
    const words = new Uint32Array(to.buffer, to.byteOffset, to.length);
    for (let i = 0; i < from.length; i++) words[i] = from[i] << 16;
    return;
  }
  for (let i = 0; i < from.length; i++) {
    const sign = from[i] & 0x8000 ? -1 : 1;
    const exponent = (from[i] >>> 10) & 0x1f;
    const fraction = from[i] & 0x3ff;
    if (exponent === 0) to[i] = sign * fraction * 2 ** -24;
    else if (exponent === 31) to[i] = fraction === 0 ? sign * Number.POSITIVE_INFINITY : Number.NaN;
    else to[i] = sign * (1024 + fraction) * 2 ** (exponent - 25);
  }
}

/** The nearest, ties to even; beyond the largest finite number, infinity. The arrays are of one length. */
export function narrow(from: Float32Array, to: Uint16Array, dtype: HalfDtype): void {
  for (let i = 0; i < from.length; i++) to[i] = nearestHalf(from[i], dtype);
}

/**
 * The nearest bfloat16 as a number (Kalamkar et al., "A Study of BFLOAT16 for Deep Learning Training", 2019); ties to
 * even, NaN stays.
 */
export function roundToBf16(x: number): number {
  const half = nearestHalf(x, "bf16");
  bits[0] = half << 16;
  return value[0];
}

function nearestHalf(x: number, dtype: HalfDtype): number {
  const half = 2 ** (FORMATS[dtype].lost - 1);
  return rounded(
    x,
    dtype,
    (magnitude) => half - 1 + ((magnitude >>> FORMATS[dtype].lost) & 1),
    (share, even) => share > 0.5 || (share === 0.5 && !even),
  );
}

/**
 * One of the two neighbours of x, the one further from zero with the probability of x's share of the way there, so that
 * the mean over draws is x: updates far below the distance of neighbours add up. NaN and infinities stay.
 * docs/design/program-format.md, "16-bit tables", has the bits.
 * @param drawn a random u32
 */
export function roundStochastically(x: number, dtype: HalfDtype, drawn: number): number {
  return rounded(
    x,
    dtype,
    () => drawn >>> (32 - FORMATS[dtype].lost),
    (share) => (drawn >>> 8) * 2 ** -24 < share,
  );
}

/**
 * @param added to the bits of x's magnitude before those that are lost are cut off
 * @param isUp of a subnormal binary16: whether its share of the way to the next rounds up, from an even number or not
 */
function rounded(
  x: number,
  dtype: HalfDtype,
  added: (magnitude: number) => number,
  isUp: (share: number, even: boolean) => boolean,
): number {
  const { lost, infinity, nan } = FORMATS[dtype];
  value[0] = x;
  const magnitude = bits[0] & MAGNITUDE;
  const sign = (bits[0] >>> 16) & 0x8000;
  if (magnitude > INFINITY) return sign | (dtype === "fp16" ? nan : (magnitude >>> 16) | 0x40);
  if (magnitude === INFINITY) return sign | infinity;
  if (dtype === "fp16" && magnitude < SMALL) {
    const scaled = Math.abs(value[0]) * 2 ** 24;
    const whole = Math.floor(scaled);
    return sign | (whole + (isUp(scaled - whole, whole % 2 === 0) ? 1 : 0));
  }
  const cut = (magnitude + added(magnitude)) >>> lost;
  return sign | Math.min(dtype === "fp16" ? cut - BIAS : cut, infinity);
}
