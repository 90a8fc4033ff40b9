/**
 * MurmurHash3 x86_32 (Austin Appleby, public domain algorithm), seed 0. Every hashed id uses it, so training and
 * serving agree on every machine.
 */

/**
 * @param bytes holds the message at `[start, end)`
 * @returns the hash as an unsigned 32-bit integer
 */
export function murmur3(bytes: Uint8Array, start = 0, end = bytes.length): number {
  let hash = 0;
  const tail = start + ((end - start) & ~3);
  for (let i = start; i < tail; i += 4) {
    const word = bytes[i] | (bytes[i + 1] << 8) | (bytes[i + 2] << 16) | (bytes[i + 3] << 24);
    hash ^= scramble(word);
    hash = (hash << 13) | (hash >>> 19);
    hash = (Math.imul(hash, 5) + 0xe6546b64) | 0;
  }
  let rest = 0;
  for (let i = end - 1; i >= tail; i--) rest = (rest << 8) | bytes[i];
  if (end > tail) hash ^= scramble(rest);
  return finish(hash ^ (end - start));
}

function scramble(word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51);
  return Math.imul((mixed << 15) | (mixed >>> 17), 0x1b873593);
}

function finish(hash: number): number {
  let h = hash;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * The first 64 bits of MurmurHash3 x64_128 (the same author and seed), for tables with more rows than 32 bits can
 * number evenly.
 * @param bytes holds the message at `[start, end)`
 */
export function murmur3Wide(bytes: Uint8Array, start = 0, end = bytes.length): bigint {
  const length = BigInt(end - start);
  let [one, two] = [0n, 0n];
  for (let at = start; at + 16 <= end; at += 16) {
    one = rotate64(one ^ scrambleOne(word64(bytes, at, end)), 27n) + two;
    one = low64(one * 5n + 0x52dce729n);
    two = rotate64(two ^ scrambleTwo(word64(bytes, at + 8, end)), 31n) + one;
    two = low64(two * 5n + 0x38495ab5n);
  }
  const tail = start + ((end - start) & ~15);
  one ^= scrambleOne(word64(bytes, tail, end)) ^ length;
  two ^= scrambleTwo(word64(bytes, tail + 8, end)) ^ length;
  one = low64(one + two);
  two = low64(two + one);
  return low64(finish64(one) + finish64(two));
}

const low64 = (x: bigint) => BigInt.asUintN(64, x);
const rotate64 = (x: bigint, bits: bigint) => low64((x << bits) | (x >> (64n - bits)));
const scrambleOne = (word: bigint) => low64(rotate64(low64(word * FIRST), 31n) * SECOND);
const scrambleTwo = (word: bigint) => low64(rotate64(low64(word * SECOND), 33n) * FIRST);
const FIRST = 0x87c37b91114253d5n;
const SECOND = 0x4cf5ad432745937fn;

/** Up to 8 bytes from `at` on as a little-endian number; 0 behind the end. */
function word64(bytes: Uint8Array, at: number, end: number): bigint {
  let [low, high] = [0, 0];
  for (let i = Math.min(at + 8, end) - 1; i >= at + 4; i--) high = (high << 8) | bytes[i];
  for (let i = Math.min(at + 4, end) - 1; i >= at; i--) low = (low << 8) | bytes[i];
  return (BigInt(high >>> 0) << 32n) | BigInt(low >>> 0);
}

/** The last step of the 64-bit hash, which mixes the bits of a u64. */
export function finish64(hash: bigint): bigint {
  let h = hash;
  h = low64((h ^ (h >> 33n)) * 0xff51afd7ed558ccdn);
  h = low64((h ^ (h >> 33n)) * 0xc4ceb9fe1a85ec53n);
  return h ^ (h >> 33n);
}
