import { createHash } from "node:crypto";
import type { Column, ColumnSet } from "./columns.js";

/** A checksum of the values of all rows, of 16 digits. */
export function checksumOf({ rows, columns }: ColumnSet): string {
  const hash = createHash("sha256");
  // Columns of one matrix have the same array.
  for (const part of new Map([...columns.values()].flatMap((column) => partsOf(column, rows))).values())
    hash.update(new Uint8Array(part.buffer, part.byteOffset, part.byteLength));
  return hash.digest("hex").slice(0, 16);
}

type Part = readonly [array: ArrayBufferView, used: ArrayBufferView];

/** The arrays of a column, and what the rows use of them. */
function partsOf(column: Column, rows: number): Part[] {
  if (column.kind !== "ids") return [[column.data, column.data.subarray(0, rows * column.stride)]];
  const { values, offsets, weights } = column;
  const end = Number(offsets[rows]);
  return [
    [offsets, offsets.subarray(0, rows + 1)],
    [values, values.subarray(0, end)],
    ...(weights ? [[weights, weights.subarray(0, end)] satisfies Part] : []),
  ];
}
