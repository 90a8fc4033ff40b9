/**
 * Counter-based random numbers: every draw is a pure function of (seed, stream, step, index). It has the same bits in
 * TypeScript and in the native core, for any number of threads, and after resuming. The mixer is the low-bias 32-bit
 * integer hash with the constants 0x21f0aaad and 0x735a2d97 found by C. Wellons' hash prospector search.
 * docs/design/program-format.md specifies the scheme.
 */
export interface DrawKey {
  readonly k0: number;
  readonly k1: number;
}

export function mix(h: number): number {
  let x = h >>> 0;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return (x ^ (x >>> 15)) >>> 0;
}

/** The key of all draws of one (seed, stream, step); seed and step are integers below 2^53. */
export function drawKey(seed: number, stream: number, step: number): DrawKey {
  const k0 = mix(low(seed) ^ mix((high(seed) + 0x9e3779b9) >>> 0) ^ mix((stream + 0x85ebca6b) >>> 0));
  const k1 = mix(k0 ^ mix((low(step) + 0xc2b2ae35) >>> 0) ^ mix((high(step) + 0x27d4eb2f) >>> 0));
  return { k0, k1 };
}

/** A uniform u32; the index is an integer below 2^53. */
export function draw(key: DrawKey, index: number): number {
  const k1 = index < 2 ** 32 ? key.k1 : mix(key.k1 ^ mix((high(index) + 0x165667b1) >>> 0));
  return mix((mix((index ^ key.k0) >>> 0) + k1) >>> 0);
}

/** Indices of one key of draws; beyond them begins the next block of the same draws. */
const BLOCK = 2n ** 51n;
/** The block of rows without a name. Names are u64 and rows below 2^32 elements, so theirs are below 2^45. */
const UNNAMED = 2 ** 48;

/**
 * The draws of a table's row: element d has index `first + d`. The name of a row is a u64; that of a row of a fixed
 * table is its number.
 */
export interface RowDraws {
  readonly key: DrawKey;
  readonly first: number;
}

export function rowDraws(key: DrawKey, name: bigint | undefined, width: number): RowDraws {
  if (name === undefined) return { key: blockKey(key, UNNAMED), first: 0 };
  const index = BigInt.asUintN(64, name) * BigInt(width);
  return { key: blockKey(key, Number(index / BLOCK)), first: Number(index % BLOCK) };
}

function blockKey(key: DrawKey, block: number): DrawKey {
  if (block === 0) return key;
  const mixed = mix((low(block) + 0x85ebca77) >>> 0) ^ mix((high(block) + 0xc2b2ae3d) >>> 0);
  return { k0: key.k0, k1: mix((key.k1 ^ mixed) >>> 0) };
}

/** A float in [0, 1) with 24 random bits, exact in float32. */
export function drawUnit(key: DrawKey, index: number): number {
  return (draw(key, index) >>> 8) * 2 ** -24;
}

function low(value: number): number {
  return value >>> 0;
}

function high(value: number): number {
  return Math.floor(value / 2 ** 32) >>> 0;
}
