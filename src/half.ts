/**
 * 16-bit floats: `fp16` (IEEE 754 binary16: 5 exponent and 10 fraction bits) and `bf16` (the upper half of a float32: 8
 * and 7). float32 represents all their values exactly. Arrays of them are `Uint16Array`.
 */
export type HalfDtype = "fp16" | "bf16";

/** Arrays of fp32 numbers, or of the bits of 16-bit floats. */
export type Numbers = Float32Array | Uint16Array;

/** Allocates an array for numbers of a dtype. */
export function numbersOf(dtype: "fp32" | HalfDtype, length: number): Numbers {
  return dtype === "fp32" ? new Float32Array(length) : new Uint16Array(length);
}

const value = new Float32Array(1);
const bits = new Uint32Array(value.buffer);

const MAGNITUDE = 0x7fffffff;
const INFINITY = 0x7f800000;
/** Per format: the number of float32 bits dropped, infinity, and a quiet NaN. */
const FORMATS = {
  fp16: { lost: 13, infinity: 0x7c00, nan: 0x7e00 },
  bf16: { lost: 16, infinity: 0x7f80, nan: 0x7fc0 },
} as const;
/** The bits of infinity; all bits of the exponent are set in infinities and NaN only. */
export const HALF_INFINITY = { fp16: FORMATS.fp16.infinity, bf16: FORMATS.bf16.infinity } as const;
/** The difference between the exponent biases of float32 and binary16, shifted to binary16's exponent field. */
const BIAS = 112 << 10;
/** Below 2^-14, binary16 is subnormal: multiples of 2^-24. */
const SMALL = 0x38800000;

/** Exact. Both arrays must have the same length. */
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

/**
 * Rounds to nearest, ties to even; above the largest finite number to infinity. Both arrays must have the same length.
 */
export function narrow(from: Float32Array, to: Uint16Array, dtype: HalfDtype): void {
  for (let i = 0; i < from.length; i++) to[i] = nearestHalf(from[i], dtype);
}

/**
 * Rounds to the nearest bfloat16 and returns it as a number (Kalamkar et al., "A Study of BFLOAT16 for Deep Learning
 * Training", 2019); ties to even, NaN stays NaN.
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
 * Rounds x stochastically to one of its two neighbours: away from zero with a probability equal to x's position between
 * them. The mean over draws is x, so updates far smaller than the distance of the neighbours add up. NaN and infinities
 * are unchanged. For the bits see docs/design/program-format.md, "16-bit tables".
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
 * @param added added to the magnitude's bits before the low bits are dropped
 * @param isUp for a subnormal binary16: whether it rounds up, given its fraction of the way to the next number and
 * whether the lower one is even
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
