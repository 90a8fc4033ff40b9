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
