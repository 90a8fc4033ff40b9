import { expect, it } from "vitest";
import { checksumOf } from "./checksum.js";
import type { Column, ColumnSet } from "./columns.js";

/** Two rows of a matrix of two columns, with room for a third row, and of a weighted bag. */
function rowsOf({
  matrix = [1, 2, 3, 4],
  ids = [7, 8, 9],
  ends = [0, 1, 3],
  weights = [1, 2, 3],
}): ColumnSet {
  const data = Float32Array.from([...matrix, 0, 0]);
  const columns = new Map<string, Column>([
    ["a", { kind: "number", data, offset: 0, stride: 2, width: 1 }],
    ["b", { kind: "number", data, offset: 1, stride: 2, width: 1 }],
    [
      "tags",
      {
        kind: "ids",
        values: Int32Array.from(ids),
        offsets: BigUint64Array.from(ends, BigInt),
        weights: Float32Array.from(weights),
      },
    ],
  ]);
  return { rows: 2, columns };
}

it("differs if any value of a row does", () => {
  const first = checksumOf(rowsOf({}));
  expect(first).toMatch(/^[0-9a-f]{16}$/);
  expect(checksumOf(rowsOf({}))).toBe(first);
  const others = [{ matrix: [1, 2, 3, 5] }, { ids: [7, 8, 6] }, { ends: [0, 2, 3] }, { weights: [1, 2, 4] }];
  expect(new Set([first, ...others.map((each) => checksumOf(rowsOf(each)))]).size).toBe(5);
});

it("does not depend on what lies behind the rows", () => {
  expect(checksumOf(rowsOf({ matrix: [1, 2, 3, 4, 5, 6] }))).toBe(checksumOf(rowsOf({})));
  expect(checksumOf(rowsOf({ ids: [7, 8, 9, 1] }))).toBe(checksumOf(rowsOf({})));
});
