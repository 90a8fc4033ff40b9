const RADIX_BITS = 11;
const RADIX = 1 << RADIX_BITS;
const PASSES = 3;

/**
 * Row numbers in ascending order of `scores`; equal scores keep their row order. A least-significant-digit radix sort
 * on the bits of the floats: three passes of 11 bits. At a million rows it is about ten times as fast as a comparison
 * sort of indices.
 * @param scores [N] without NaN
 * @returns [N] a permutation of 0..N-1
 */
export function sortedOrder(scores: Float32Array): Uint32Array {
  const keys = orderedBits(scores);
  const starts = bucketStarts(keys);
  let order: Uint32Array = identity(scores.length);
  let spare: Uint32Array = new Uint32Array(scores.length);
  for (let pass = 0; pass < PASSES; pass++) {
    scatter(keys, order, spare, starts[pass], pass * RADIX_BITS);
    [order, spare] = [spare, order];
  }
  return order;
}

/**
 * Unsigned integers with the order and ties of the scores, sorted ascending: {@link sortedOrder} without row numbers.
 * @param scores [N] without NaN
 */
export function sortedKeys(scores: Float32Array): Uint32Array {
  let keys: Uint32Array = orderedBits(scores);
  const starts = bucketStarts(keys);
  let spare: Uint32Array = new Uint32Array(keys.length);
  for (let pass = 0; pass < PASSES; pass++) {
    scatterKeys(keys, spare, starts[pass], pass * RADIX_BITS);
    [keys, spare] = [spare, keys];
  }
  return keys;
}

/** Maps floats to unsigned integers with the same order: negative floats have all bits flipped, others the sign bit. */
function orderedBits(scores: Float32Array): Uint32Array {
  const canonical = new Float32Array(scores.length);
  // Adding zero turns -0 into +0, so that they tie.
  for (let row = 0; row < scores.length; row++) canonical[row] = scores[row] + 0;
  const bits = new Uint32Array(canonical.buffer);
  for (let row = 0; row < bits.length; row++) bits[row] ^= bits[row] >>> 31 ? 0xffffffff : 0x80000000;
  return bits;
}

/** For each pass, the output position where each digit's rows begin. */
function bucketStarts(keys: Uint32Array): Uint32Array[] {
  const counts = Array.from({ length: PASSES }, () => new Uint32Array(RADIX));
  const [low, middle, high] = counts;
  for (let row = 0; row < keys.length; row++) {
    const key = keys[row];
    low[key & (RADIX - 1)]++;
    middle[(key >>> RADIX_BITS) & (RADIX - 1)]++;
    high[key >>> (2 * RADIX_BITS)]++;
  }
  for (const count of counts) toStarts(count);
  return counts;
}

function toStarts(counts: Uint32Array): void {
  let start = 0;
  for (let digit = 0; digit < RADIX; digit++) {
    const count = counts[digit];
    counts[digit] = start;
    start += count;
  }
}

function identity(length: number): Uint32Array {
  const order = new Uint32Array(length);
  for (let row = 0; row < length; row++) order[row] = row;
  return order;
}

function scatter(
  keys: Uint32Array,
  from: Uint32Array,
  to: Uint32Array,
  starts: Uint32Array,
  shift: number,
): void {
  for (let i = 0; i < from.length; i++) {
    const row = from[i];
    to[starts[(keys[row] >>> shift) & (RADIX - 1)]++] = row;
  }
}

function scatterKeys(from: Uint32Array, to: Uint32Array, starts: Uint32Array, shift: number): void {
  for (let i = 0; i < from.length; i++) to[starts[(from[i] >>> shift) & (RADIX - 1)]++] = from[i];
}
