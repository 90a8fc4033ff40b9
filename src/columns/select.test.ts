import fc from "fast-check";
import { expect, it } from "vitest";
import type { Column, ColumnSet } from "./columns.js";
import { joinRows, selectRows } from "./select.js";

/** The values of a row, read by the definition of each kind of column. */
function rowOf(column: Column, row: number): unknown {
  if (column.kind === "ids") {
    const [start, end] = [column.offsets[row], column.offsets[row + 1]].map(Number);
    return [[...column.values.slice(start, end)], column.weights && [...column.weights.slice(start, end)]];
  }
  const start = column.offset + row * column.stride;
  return [...column.data.slice(start, start + (column.kind === "number" ? column.width : 1))];
}

const valuesOf = ({ rows, columns }: ColumnSet) =>
  Array.from({ length: rows }, (_, row) => [...columns].map(([name, column]) => [name, rowOf(column, row)]));

/** Rows as they come in matrices that several features share, with empty bags, weights and 64-bit ids. */
const columnSets = (rows: number) =>
  fc
    .array(fc.array(fc.nat(9), { maxLength: 3 }), { minLength: rows, maxLength: rows })
    .map((bags): ColumnSet => {
      const ends = bags.map((_, i) => BigInt(bags.slice(0, i + 1).flat().length));
      const offsets = BigUint64Array.from([0n, ...ends]);
      const ids = Int32Array.from({ length: 2 * rows }, (_, i) => i * 7);
      const wide = BigInt64Array.from({ length: rows }, (_, i) => 2n ** 40n + BigInt(i));
      const numbers = Float32Array.from({ length: 4 * rows }, (_, i) => i / 3);
      const weights = Float32Array.from(bags.flat(), (id) => id / 2);
      return {
        rows,
        columns: new Map<string, Column>([
          ["id", { kind: "id", data: ids, offset: 1, stride: 2 }],
          ["wide", { kind: "id", data: wide, offset: 0, stride: 1 }],
          ["vector", { kind: "number", data: numbers, offset: 1, stride: 4, width: 2 }],
          ["bag", { kind: "ids", values: Int32Array.from(bags.flat()), offsets }],
          ["weighted", { kind: "ids", values: BigInt64Array.from(bags.flat(), BigInt), offsets, weights }],
        ]),
      };
    });

it("selects rows in any order, several times, and joins them again", () => {
  const cases = fc
    .integer({ min: 1, max: 8 })
    .chain((rows) => fc.tuple(columnSets(rows), fc.array(fc.nat(rows - 1))));
  fc.assert(
    fc.property(cases, ([set, rows]) => {
      const all = valuesOf(set);
      const selected = selectRows(set, Uint32Array.from(rows));
      expect(valuesOf(selected)).toEqual(rows.map((row) => all[row]));
      expect(valuesOf(joinRows([selected, set, selected]))).toEqual(
        [...rows, ...all.keys(), ...rows].map((row) => all[row]),
      );
    }),
  );
});
