/**
 * The order of a growing table's keys: by slot (key mod slots, unsigned), then by key, unsigned. `slots` is a power of two.
 * Keys are compared and copied as pairs of 32-bit words: with BigInts it takes many times as long.
 */

/** The words of 64-bit keys: key i has the lower word 2i and the upper word 2i + 1. */
export type KeyWords = Uint32Array;

export const wordsOf = (keys: BigUint64Array): KeyWords =>
  new Uint32Array(keys.buffer, keys.byteOffset, 2 * keys.length);

/** The keys at these places. */
export function keysAt(keys: BigUint64Array, places: Uint32Array): BigUint64Array {
  const [from, to] = [wordsOf(keys), new Uint32Array(2 * places.length)];
  for (let i = 0; i < places.length; i++) {
    to[2 * i] = from[2 * places[i]];
    to[2 * i + 1] = from[2 * places[i] + 1];
  }
  return new BigUint64Array(to.buffer);
}

/** Negative if key i of `a` comes before key j of `b`, 0 if they are equal. */
export function compareKeys(a: KeyWords, i: number, b: KeyWords, j: number, slots: number): number {
  const [low, other] = [a[2 * i], b[2 * j]];
  return (low & (slots - 1)) - (other & (slots - 1)) || a[2 * i + 1] - b[2 * j + 1] || low - other;
}

/** The index of the first key that does not come after the one before it; -1 if all do. */
export function firstOutOfOrder(keys: BigUint64Array, slots: number): number {
  const words = wordsOf(keys);
  for (let i = 1; i < keys.length; i++) if (compareKeys(words, i - 1, words, i, slots) >= 0) return i;
  return -1;
}

/** Where the keys of each slot begin, and the number of keys: slots + 1 numbers. */
export function slotStarts(keys: BigUint64Array, slots: number): Float64Array {
  const words = wordsOf(keys);
  const starts = new Float64Array(slots + 1);
  for (let i = 0; i < keys.length; i++) starts[(words[2 * i] & (slots - 1)) + 1]++;
  for (let slot = 0; slot < slots; slot++) starts[slot + 1] += starts[slot];
  return starts;
}

/** The positions of these keys, which are in the order of slots, in ascending order. */
export function positionsOf(ascending: BigUint64Array, slots: number): Uint32Array {
  const words = wordsOf(ascending);
  const next = slotStarts(ascending, slots);
  return Uint32Array.from(ascending, (_, i) => next[words[2 * i] & (slots - 1)]++);
}
