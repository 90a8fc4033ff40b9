import { columnFromArray, tableFromColumns, tableFromIPC, tableToIPC, utf8 } from "@uwdata/flechette";
import { expect, it } from "vitest";
import { arrowOfItems, arrowOfScores, parseArrow } from "./arrow.js";

const streamOf = (columns: Readonly<Record<string, Int32Array | Float32Array | readonly string[]>>) => {
  const arrays = Object.entries(columns).map(([name, values]) => [
    name,
    Array.isArray(values) ? columnFromArray(values, utf8()) : columnFromArray(values as Float32Array),
  ]);
  return Buffer.from(tableToIPC(tableFromColumns(Object.fromEntries(arrays)), { format: "stream" })!);
};

const ROWS = [1, 2, 3, 7, 50, 511, 512, 513];

it("writes the same bytes as the library, whatever was written before", () => {
  for (const rows of [...ROWS, ...ROWS]) {
    const scores = Float32Array.from({ length: rows }, () => Math.random());
    const index = Int32Array.from({ length: rows }, (_, i) => (i * 7919) % rows);
    const labels = { a: scores, b: scores.slice().reverse() };
    expect(streamOf({ score: scores }).equals(arrowOfScores({ score: scores }))).toBe(true);
    expect(streamOf(labels).equals(arrowOfScores(labels))).toBe(true);
    const items = Array.from(index, (each, i) => ({ index: each, score: scores[i] }));
    expect(streamOf({ index, score: scores }).equals(arrowOfItems(items))).toBe(true);
  }
});

it("writes a schema for no rows", () => {
  const table = tableFromIPC(arrowOfItems([]));
  expect([table.numRows, table.names]).toEqual([0, ["index", "score"]]);
  expect(parseArrow(Buffer.from(arrowOfItems([])), 10).columns).toEqual({ index: [], score: [] });
});

it.each([
  ["ASCII", ["a", "", "bc"]],
  ["other characters", ["ä", "", "日本", "🙂z"]],
  ["a mark of the byte order", ["\ufeffa", "b"]],
  ["the character that stands for broken ones", ["\ufffd", "\ufeffa"]],
])("reads texts with %s", (_, texts) => {
  expect(parseArrow(streamOf({ texts }), 10).columns).toEqual({ texts });
});

it("reads columns wherever the stream begins in memory", () => {
  const numbers = Float32Array.from({ length: 5 }, (_, i) => i / 3);
  const stream = streamOf({ numbers, ids: Int32Array.of(1, 2, 3, 4, -5) });
  for (let shift = 0; shift < 9; shift++) {
    const moved = Buffer.alloc(stream.length + shift);
    stream.copy(moved, shift);
    const { columns } = parseArrow(moved.subarray(shift), 10);
    expect(Array.from(columns.numbers)).toEqual(Array.from(numbers));
    expect(Array.from(columns.ids)).toEqual([1, 2, 3, 4, -5]);
  }
});

it("refuses texts that are not UTF-8", () => {
  const stream = streamOf({ texts: ["abc", "xyz"] });
  stream[stream.indexOf("xyz")] = 0xff;
  expect(() => parseArrow(stream, 10)).toThrow("not a stream of Arrow");
});
