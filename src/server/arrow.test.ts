import {
  bool,
  columnFromArray,
  dateDay,
  float64,
  largeList,
  largeUtf8,
  list,
  tableFromColumns,
  tableFromIPC,
  tableToIPC,
  utf8,
} from "@uwdata/flechette";
import { describe, expect, it } from "vitest";
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

it("reads texts and lists with offsets of 64 bits", () => {
  const [texts, lists] = [
    ["a", null, "日本", ""],
    [["x", null], [], null, ["y"]],
  ];
  const table = tableFromColumns({
    texts: columnFromArray(texts, largeUtf8()),
    lists: columnFromArray(lists, largeList(utf8())),
    numbers: columnFromArray([[1], [], [2, 3], null], largeList(float64())),
  });
  const { columns } = parseArrow(Buffer.from(tableToIPC(table, { format: "stream" })!), 10);
  expect(columns).toEqual({ texts, lists, numbers: [[1], [], [2, 3], null] });
});

it("names a type that is not read", () => {
  const table = tableFromColumns({ day: columnFromArray([new Date(0)], dateDay()) });
  const stream = Buffer.from(tableToIPC(table, { format: "stream" })!);
  expect(() => parseArrow(stream, 10)).toThrow(
    /the column day has the type Date, which is not read: cast it to/,
  );
});

it("refuses texts that are not UTF-8", () => {
  const stream = streamOf({ texts: ["abc", "xyz"] });
  stream[stream.indexOf("xyz")] = 0xff;
  expect(() => parseArrow(stream, 10)).toThrow("not a stream of Arrow");
});

describe("a stream whose parts overlap is refused before it takes memory:", () => {
  const MANY = 2000;
  const many = Object.fromEntries(Array.from({ length: MANY }, (_, i) => [`c${i}`, Int32Array.of(i)]));

  it("columns with one long name", () => {
    const stream = streamOf({ ["x".repeat(100_000)]: Int32Array.of(1), ...many });
    const { view, vector } = fieldsOf(stream);
    const first = vector + 4 + view.getUint32(vector + 4, true);
    for (let i = 1; i <= MANY; i++) view.setUint32(vector + 4 + 4 * i, first - (vector + 4 + 4 * i), true);
    expect(() => parseArrow(stream, 10)).toThrow(/overlap/);
  });

  it("columns of the same bytes", () => {
    const values = Int32Array.from({ length: 100 }, (_, i) => i);
    const stream = streamOf(Object.fromEntries(Object.keys(many).map((name) => [name, values])));
    // The buffers of values: an offset and a length of 64 bits each.
    const length = Buffer.alloc(8);
    length.writeBigInt64LE(400n);
    let changed = 0;
    for (let at = stream.indexOf(length); at >= 8; at = stream.indexOf(length, at + 1), changed++)
      stream.writeBigInt64LE(4000n, at);
    expect(changed).toBeGreaterThan(MANY / 2);
    expect(() => parseArrow(stream, 1000)).toThrow(/overlap/);
  });

  /** Where the vector of fields stands in the schema, which is the first message (Message.fbs, Schema.fbs). */
  function fieldsOf(stream: Buffer) {
    const view = new DataView(stream.buffer, stream.byteOffset + 8, stream.length - 8);
    const into = (at: number) => at + view.getUint32(at, true);
    const place = (table: number, field: number) =>
      table + view.getUint16(table - view.getInt32(table, true) + 4 + 2 * field, true);
    const schema = into(place(into(0), 2));
    return { view, vector: into(place(schema, 1)) };
  }
});

it("refuses more booleans in lists than bytes, but for a million", () => {
  const lists = (length: number) => {
    const flags = columnFromArray([Array.from({ length }, (_, i) => i % 3 === 0)], list(bool()));
    return Buffer.from(tableToIPC(tableFromColumns({ flags }), { format: "stream" })!);
  };
  const { columns } = parseArrow(lists(1000), 10);
  expect((columns.flags[0] as boolean[]).filter(Boolean)).toHaveLength(334);
  expect(() => parseArrow(lists(2 ** 20 + 1), 10)).toThrow(/too many elements/);
});
