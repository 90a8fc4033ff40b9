import fc from "fast-check";
import { expect, it } from "vitest";
import type { Node } from "../graph/op.js";
import { quantizeRows, wordsOf } from "../quantized-rows.js";
import { quantizedEmbedding } from "./quantized-embedding.js";

const number = fc.float({ min: -1000, max: 1000, noNaN: true });

/** The numbers that the rows stand for. */
function readBack(words: Float32Array, rows: number, bits: 8 | 4, dim: number): Float32Array {
  const table = { kind: "fp32", shape: [rows, words.length / rows], data: words } as const;
  const ids = { kind: "id", data: Int32Array.from({ length: rows }, (_, i) => i) } as const;
  const out = { kind: "fp32", shape: [rows, dim], data: new Float32Array(rows * dim) } as const;
  const attrs = { bits, dim };
  const node = { op: quantizedEmbedding, inputs: [], outputs: [], attrs } as unknown as Node;
  const call = { node, inputs: [table, ids], outputs: [out], attrs };
  quantizedEmbedding.reference({ ...call, context: { rows, step: 0, seed: 0 } } as never);
  return out.data;
}

it.each([8, 4] as const)("numbers of %i bits are within half a step of the row", (bits) => {
  const rows = fc
    .integer({ min: 1, max: 40 })
    .chain((dim) =>
      fc.array(fc.array(number, { minLength: dim, maxLength: dim }), { minLength: 1, maxLength: 4 }),
    );
  fc.assert(
    fc.property(rows, (all) => {
      const dim = all[0].length;
      const words = quantizeRows(Float32Array.from(all.flat()), { bits, dim });
      const back = readBack(words, all.length, bits, dim);
      for (const [r, row] of all.entries()) {
        const step = (Math.max(...row) - Math.min(...row)) / (2 ** bits - 1);
        // The scale and the results are rounded to fp32.
        const rounding = 2 ** -21 * Math.max(...row.map(Math.abs));
        for (const [d, x] of row.entries())
          expect(Math.abs(back[r * dim + d] - x)).toBeLessThanOrEqual(step / 2 + rounding);
      }
    }),
    { seed: 1 },
  );
});

it("the largest of a row takes the largest integer, in either half of a byte", () => {
  const words = quantizeRows(Float32Array.of(0, 15, 3, 7, 1), { bits: 4, dim: 5 });
  expect([...words.subarray(0, 2)]).toEqual([1, 0]);
  expect([...new Uint8Array(words.buffer, 8)]).toEqual([0x70, 0x1f, 0x03, 0]);
});

it("rows are in as few cache lines as in fp32, and take no more words than that needs", () => {
  /** The cache lines of 16 rows that follow one another. */
  const linesOf = (words: number) => {
    const lines = (row: number) =>
      Math.floor((row * words + words - 1) / 16) - Math.floor((row * words) / 16) + 1;
    return Array.from({ length: 16 }, (_, row) => lines(row)).reduce((a, b) => a + b);
  };
  for (const bits of [8, 4] as const)
    for (let dim = 4; dim <= 130; dim++) {
      const least = 2 + Math.ceil((dim * bits) / 32);
      const fitting = Array.from({ length: dim }, (_, words) => words).slice(least);
      const first = fitting.find((words) => linesOf(words) <= linesOf(dim));
      expect(wordsOf({ bits, dim })).toBe(first ?? least);
    }
  expect(wordsOf({ bits: 8, dim: 16 })).toBe(8);
  expect(wordsOf({ bits: 8, dim: 20 })).toBe(7);
});
