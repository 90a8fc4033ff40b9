import { describe, expect, it } from "vitest";
import { draw, drawKey, drawUnit } from "../random.js";
import { type CodedColumn, codeColumn, proposeCrosses } from "./crosses.js";

/* Tables whose true interactions are known: four columns, labels drawn from a logit. */

const ROWS = 20_000;
const VALUES = { a: 12, b: 9, c: 6, d: 40 } as const;
type Row = Readonly<Record<keyof typeof VALUES, number>>;

/** A number in [-1, 1) that belongs to some values. */
const effect = (...values: readonly number[]) =>
  2 *
    drawUnit(
      drawKey(5, values.length, 0),
      values.reduce((sum, value) => sum * 64 + value, 0),
    ) -
  1;

function tableOf(logit: (row: Row) => number, seed = 1): { columns: CodedColumn[]; labels: Float32Array } {
  const names = Object.keys(VALUES) as (keyof typeof VALUES)[];
  const key = drawKey(seed, 0, 0);
  const rows = Array.from({ length: ROWS }, (_, i) => {
    const values = names.map((name, k) => [name, draw(key, 5 * i + k) % VALUES[name]]);
    return Object.fromEntries(values) as Row;
  });
  const labels = Float32Array.from(rows, (row, i) =>
    drawUnit(key, 5 * i + 4) < 1 / (1 + Math.exp(-logit(row))) ? 1 : 0,
  );
  const columns = names.map((name) =>
    codeColumn(
      name,
      rows.map((row) => String(row[name])),
    ),
  );
  return { columns, labels };
}

const additive = ({ a, b, c, d }: Row) => effect(a, 0) + effect(b, 1) + effect(c, 2) + effect(d, 3) - 1.5;
const found = ({ columns, labels }: ReturnType<typeof tableOf>) =>
  proposeCrosses(columns, labels).map((cross) => cross.columns.join());

describe("proposeCrosses", () => {
  it.each([1, 2, 3, 4])("finds none where columns act one by one (seed %i)", (seed) => {
    expect(found(tableOf(additive, seed))).toEqual([]);
  });

  it.each([1, 2, 3, 4])("finds the pair that acts together, and nothing else (seed %i)", (seed) => {
    const table = tableOf((row) => additive(row) + 1.5 * effect(row.a, row.c), seed);
    expect(found(table)).toEqual(["a,c"]);
  });

  it("orders two pairs by what they say", () => {
    const table = tableOf((row) => additive(row) + 1.8 * effect(row.a, row.c) + effect(row.b, row.c + 20));
    expect(found(table)).toEqual(["a,c", "b,c"]);
  });

  it("finds three columns that act together, grown from a pair", () => {
    const table = tableOf((row) => additive(row) + effect(row.a, row.c) + 2 * effect(row.a, row.b, row.c));
    expect(found(table)[0]).toBe("a,b,c");
  });

  it("gains what the log loss of the true logits gains, less what cannot be learned", () => {
    const logit = (row: Row) => additive(row) + 1.5 * effect(row.a, row.c);
    const table = tableOf(logit);
    const [{ gain, cells }] = proposeCrosses(table.columns, table.labels);
    expect(cells).toBe(VALUES.a * VALUES.c);
    // The variance of the interaction, beyond its means by value, is about (1.5)² / 3; the gain half of it times p (1 - p).
    expect(gain).toBeGreaterThan(0.03);
    expect(gain).toBeLessThan(0.08);
  });

  it("gives the same crosses again, and needs rows of both kinds for any", () => {
    const table = tableOf((row) => additive(row) + 1.5 * effect(row.a, row.c));
    expect(proposeCrosses(table.columns, table.labels)).toEqual(proposeCrosses(table.columns, table.labels));
    expect(proposeCrosses(table.columns, new Float32Array(ROWS))).toEqual([]);
    expect(proposeCrosses([], new Float32Array(0))).toEqual([]);
    expect(proposeCrosses([codeColumn("a", []), codeColumn("b", [])], [])).toEqual([]);
  });

  it("hashes the combinations of columns with very many values", () => {
    const { columns, labels } = tableOf((row) => additive(row) + 1.5 * effect(row.a, row.c));
    const wide = columns.map((column) => ({ ...column, values: 100_000 }));
    expect(proposeCrosses(wide, labels).map((cross) => cross.columns.join())).toEqual(["a,c"]);
  });
});

it("codeColumn numbers values by their first rows, with missing as one of them", () => {
  expect(codeColumn("x", ["b", null, "a", "b", null])).toEqual({
    name: "x",
    codes: Int32Array.of(0, 1, 2, 0, 1),
    values: 3,
  });
});
