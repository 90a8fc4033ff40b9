import { type Numbers, narrow } from "./half.js";
import { draw, drawUnit, type RowDraws } from "./random.js";

/** Initial values that do not depend on the number of rows. */
export type RowInitializer =
  | { readonly kind: "constant"; readonly value: number }
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "normal"; readonly mean: number; readonly std: number };

/**
 * Initial values, element `first + i` of the draws to element i, with the bits of the native core
 * (native/cpu/kernels/fill.inc). 16-bit numbers are the float32 values rounded to nearest.
 */
export function fillInitial(
  to: Numbers,
  dtype: "fp32" | "fp16" | "bf16",
  init: RowInitializer,
  draws: RowDraws,
): void {
  const values = to instanceof Float32Array ? to : new Float32Array(to.length);
  const numberAt = drawn(init, draws);
  for (let i = 0; i < values.length; i++) values[i] = numberAt(i);
  if (dtype !== "fp32") narrow(values, to as Uint16Array, dtype);
}

function drawn(init: RowInitializer, { key, first }: RowDraws): (i: number) => number {
  if (init.kind === "constant") return () => init.value;
  if (init.kind === "uniform") {
    const range = init.high - init.low;
    return (i) => init.low + range * drawUnit(key, first + i);
  }
  const at = (i: number) => 2 * (first + i);
  return (i) => init.mean + init.std * normal(draw(key, at(i)), draw(key, at(i) + 1));
}

const number = new Float32Array(1);
const bits = new Int32Array(number.buffer);
/** The bits of the first float32 above sqrt(1/2). */
const ROOT_HALF = 0x3f3504f4;

/** A standard normal number from two draws (Box & Muller, 1958). Library functions differ between machines in their last bits. */
function normal(first: number, second: number): number {
  // 1 - unit(first) = x 2^-24 = m 2^e, with m from sqrt(1/2) to sqrt(2).
  number[0] = 2 ** 24 - (first >>> 8);
  const exponent = (bits[0] - ROOT_HALF) >> 23;
  bits[0] -= exponent << 23;
  // cos(a) = sin(a + a quarter turn), reduced to the nearest half turn.
  const angle = ((second & ~0xff) + 2 ** 30) | 0;
  const halfTurn = (angle + 2 ** 30) & (2 ** 31);
  const rest = (angle - halfTurn) | 0;
  const radians = (halfTurn === 0 ? rest : -rest) * (2 ** -32 * 2 * Math.PI);
  return Math.sqrt(minusTwoLogs(number[0], exponent - 24)) * sine(radians);
}

/** -2 ln(m 2^e): ln(m) = 2 atanh((m - 1) / (m + 1)). */
function minusTwoLogs(m: number, e: number): number {
  const s = (m - 1) / (m + 1);
  const square = s * s;
  let series = 1 / 21;
  for (let n = 19; n >= 1; n -= 2) series = series * square + 1 / n;
  return -4 * s * series + e * (-2 * Math.LN2);
}

/** (-1)^n / (2n + 1)!, from n = 10 to 0. */
const SINE_SERIES = [
  51090942171709440000, -121645100408832000, 355687428096000, -1307674368000, 6227020800, -39916800, 362880,
  -5040, 120, -6, 1,
].map((factorial) => 1 / factorial);

/** sin(x) for |x| <= pi/2, by its Taylor series. */
function sine(x: number): number {
  const square = x * x;
  return x * SINE_SERIES.reduce((series, term) => series * square + term);
}
