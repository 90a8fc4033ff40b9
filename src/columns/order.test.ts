import { describe, expect, it } from "vitest";
import { permutation } from "./order.js";

function order(rows: number, seed: number, epoch: number): number[] {
  return Array.from({ length: rows }, (_, p) => permutation(rows, { seed, epoch })(p));
}

describe("permutation", () => {
  it.each([1, 2, 3, 4, 5, 15, 16, 17, 64, 65, 1000, 65536, 65537])(
    "of %i rows visits each row once",
    (rows) => {
      const at = permutation(rows, { seed: 5, epoch: 2 });
      const visits = new Uint8Array(rows);
      for (let p = 0; p < rows; p++) visits[at(p)]++;
      expect(visits.every((count) => count === 1)).toBe(true);
    },
  );

  it("differs by epoch and by seed, and repeats for the same", () => {
    const first = order(1000, 1, 0);
    expect(order(1000, 1, 0)).toEqual(first);
    for (const other of [order(1000, 1, 1), order(1000, 2, 0), order(1000, 1 + 2 ** 32, 0)]) {
      // Two independent permutations agree at 1 position on average.
      expect(other.filter((row, p) => row === first[p]).length).toBeLessThan(8);
    }
  });

  it("has no order left: positions and rows do not correlate, nor do neighbours stay neighbours", () => {
    const rows = 10_000;
    const shuffled = order(rows, 3, 1);
    const center = (rows - 1) / 2;
    const covariance = shuffled.reduce((sum, row, p) => sum + (row - center) * (p - center), 0);
    const variance = (rows * (rows * rows - 1)) / 12;
    expect(Math.abs(covariance / variance)).toBeLessThan(6 / Math.sqrt(rows));
    const neighbours = shuffled.filter((row, p) => p > 0 && Math.abs(row - shuffled[p - 1]) === 1);
    expect(neighbours.length).toBeLessThan(2 + 6 * Math.sqrt(2));
  });

  it("spreads each row over all positions as epochs pass (chi-square)", () => {
    const [rows, epochs] = [17, 17 * 60];
    const counts = new Float64Array(rows * rows);
    for (let epoch = 0; epoch < epochs; epoch++) {
      order(rows, 9, epoch).forEach((row, p) => void counts[row * rows + p]++);
    }
    const expected = epochs / rows;
    const chiSquare = counts.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
    const freedom = (rows - 1) ** 2;
    expect(Math.abs(chiSquare - freedom)).toBeLessThan(6 * Math.sqrt(2 * freedom));
  });

  it("stays in range for row numbers beyond 32 bits", () => {
    const rows = 2 ** 40 + 3;
    const at = permutation(rows, { seed: 1, epoch: 0 });
    const seen = new Set<number>();
    for (let p = rows - 1000; p < rows; p++) seen.add(at(p));
    expect(seen.size).toBe(1000);
    for (const row of seen) expect(row >= 0 && row < rows && Number.isSafeInteger(row)).toBe(true);
  });
});
