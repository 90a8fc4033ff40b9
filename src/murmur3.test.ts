import { describe, expect, it } from "vitest";
import { murmur3, murmur3Wide } from "./murmur3.js";

const hash = (text: string) => murmur3(Buffer.from(text));

describe("murmur3 x86_32, seed 0", () => {
  it.each([
    ["", 0x00000000],
    ["abc", 0xb3dd93fa],
    ["test", 0xba6bd213],
    ["hello", 0x248bfa47],
    ["hello, world", 0x149bbb7f],
    ["Hello, world!", 0xc0363e43],
    ["The quick brown fox jumps over the lazy dog", 0x2e4ff723],
  ])("published vector %j", (text, expected) => {
    expect(hash(text)).toBe(expected);
  });

  it("reads the range it is given and nothing around it", () => {
    const bytes = Buffer.from("xxabcyy");
    expect(murmur3(bytes, 2, 5)).toBe(0xb3dd93fa);
  });

  it("passes SMHasher's verification of the algorithm", () => {
    // Hashes of the keys {0}, {0,1}, … with seeds 256-i, hashed together, are 0xB0F57EE3. Seed 0 alone is offered, so
    // a seeded twin is written out here and compared with the function where the seed is 0.
    const hashes = Buffer.alloc(256 * 4);
    const key = new Uint8Array(256);
    for (let i = 0; i < 256; i++) {
      key[i] = i;
      hashes.writeUInt32LE(seeded(key.subarray(0, i), 256 - i), 4 * i);
      expect(murmur3(key, 0, i)).toBe(seeded(key.subarray(0, i), 0));
    }
    expect(seeded(hashes, 0)).toBe(0xb0f57ee3);
    expect(murmur3(hashes)).toBe(0xb0f57ee3);
  });
});

describe("the first 64 bits of murmur3 x64_128, seed 0", () => {
  /** From the reference implementation (Python's mmh3). */
  it.each([
    ["", 0n],
    ["abc", 0xb4963f3f3fad7867n],
    ["hello, world", 0x342fac623a5ebc8en],
    ["0123456789abcdef", 0x4be06d94cf4ad1a7n],
    ["0123456789abcdef0", 0xeb24ae8785a5c075n],
    ["The quick brown fox jumps over the lazy dog", 0xe34bbc7bbc071b6cn],
  ])("published vector %j", (text, expected) => {
    expect(murmur3Wide(Buffer.from(text))).toBe(expected);
    const bytes = Buffer.from(`xx${text}yy`);
    expect(murmur3Wide(bytes, 2, bytes.length - 2)).toBe(expected);
  });

  it("agrees with it on keys of 0 to 255 bytes", () => {
    const key = Uint8Array.from({ length: 256 }, (_, i) => i);
    const hashes = BigUint64Array.from({ length: 256 }, (_, i) => murmur3Wide(key, 0, i));
    expect(murmur3Wide(new Uint8Array(hashes.buffer))).toBe(0xd8b2283d72fcb17dn);
  });
});

/** The reference algorithm with exact integers. */
function seeded(bytes: Uint8Array, seed: number): number {
  const mask = 0xffffffffn;
  const rotate = (x: bigint, r: bigint) => ((x << r) | (x >> (32n - r))) & mask;
  const mix = (k: bigint) => (rotate((k * 0xcc9e2d51n) & mask, 15n) * 0x1b873593n) & mask;
  let h = BigInt(seed);
  const whole = bytes.length - (bytes.length % 4);
  const word = (at: number, end: number) => {
    let k = 0n;
    for (let i = end - 1; i >= at; i--) k = (k << 8n) | BigInt(bytes[i]);
    return k;
  };
  for (let i = 0; i < whole; i += 4) h = (rotate(h ^ mix(word(i, i + 4)), 13n) * 5n + 0xe6546b64n) & mask;
  if (whole < bytes.length) h ^= mix(word(whole, bytes.length));
  h ^= BigInt(bytes.length);
  h = ((h ^ (h >> 16n)) * 0x85ebca6bn) & mask;
  h = ((h ^ (h >> 13n)) * 0xc2b2ae35n) & mask;
  return Number(h ^ (h >> 16n));
}
