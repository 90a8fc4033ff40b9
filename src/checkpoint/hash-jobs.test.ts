import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { hashAll, type Piece } from "./hash-jobs.js";

const MIB = 1 << 20;

/** Bytes that differ from position to position. */
function bytesAt(position: number, count: number): Uint8Array {
  const bytes = new Uint8Array(count);
  for (let i = 0; i < count; i++) bytes[i] = Math.imul(position + i, 2654435761) >>> 24;
  return bytes;
}

const pieceOf = (begin: number, end: number): Piece => ({
  begin,
  end,
  fill: (into, position) => into.set(bytesAt(position, into.length)),
});

/** Pieces in a file, grouped into jobs: with gaps, larger and smaller than a slice, and one empty. */
function jobsOf(unit: number): Piece[][] {
  return [
    [pieceOf(0, 3), pieceOf(3, 3 + 2 * unit), pieceOf(5 + 2 * unit, 7 + 3 * unit)],
    [pieceOf(7 + 3 * unit, 8 + 4 * unit)],
    [],
    [pieceOf(10 + 4 * unit, 10 + 9 * unit), pieceOf(20 + 9 * unit, 20 + 9 * unit)],
  ];
}

function expected(pieces: readonly Piece[]): string {
  const hash = createHash("sha256");
  for (const { begin, end } of pieces) hash.update(bytesAt(begin, end - begin));
  return hash.digest("hex");
}

/** Few bytes are hashed here, many on other threads. */
describe.each([
  ["here", 1000],
  ["on threads", 4 * MIB + 17],
])("hashAll %s", (_, unit) => {
  it("hashes the pieces of each job in order, and stores every byte in its place", async () => {
    const jobs = jobsOf(unit);
    const stored = new Uint8Array(20 + 9 * unit);
    const hashes = await hashAll(jobs, async (bytes, position) => stored.set(bytes, position));
    expect(hashes).toEqual(jobs.map(expected));
    for (const { begin, end } of jobs.flat())
      expect(Buffer.from(bytesAt(begin, end - begin)).equals(stored.subarray(begin, end))).toBe(true);
  });

  it("fails with the error of a piece that cannot be read, or of bytes that cannot be stored", async () => {
    const jobs = jobsOf(unit);
    const bad: Piece = { begin: 0, end: 9, fill: () => Promise.reject(new RangeError("no bytes")) };
    await expect(hashAll([...jobs, [bad]])).rejects.toThrow("no bytes");
    let stores = 0;
    const store = async () => {
      if (++stores === 2) throw new RangeError("no space");
    };
    await expect(hashAll(jobs, store)).rejects.toThrow("no space");
    expect(stores).toBeLessThan(8);
  });
});

it("hashes more jobs than a call has arguments", async () => {
  const hashes = await hashAll(new Array(150_000).fill([]));
  expect(new Set(hashes)).toEqual(new Set([createHash("sha256").digest("hex")]));
});

it("takes no more memory for many files than for one", async () => {
  const fill = (into: Uint8Array) => void into.fill(7);
  const jobs = Array.from({ length: 4 }, (_, i) => [{ begin: 16 * MIB * i, end: 16 * MIB * (i + 1), fill }]);
  await hashAll(jobs);
  const before = process.memoryUsage().arrayBuffers;
  for (let file = 0; file < 3; file++) await hashAll(jobs);
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(MIB);
});
