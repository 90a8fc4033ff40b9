import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ColumnSet } from "../src/columns/columns.js";
import { dataSchema, type SourceInput } from "../src/data/data-config.js";
import { type PreparedData, prepareData } from "../src/data/index.js";
import { createEncoder, type RawRow } from "../src/features/encoder.js";
import { type FeatureInput, featuresSchema } from "../src/features/schema/features.js";
import type { Cell } from "./cells/columns.js";
import { type Column, writeTable } from "./cells/files.js";

/**
 * `FORMATS=20 npx vitest run conformance/formats.test.ts` tries 20 tables instead of one.
 *
 * One table, written in every format and as Parquet files of mixed types: whatever the format, the same rows belong to the
 * same splits, the same vocabularies and statistics are learned, and the same ids, numbers, labels and weights are packed
 * and served.
 */
const SEEDS = Array.from({ length: Number(process.env.FORMATS ?? 1) }, (_, i) => i + 1);
const ROWS = 300;

let folder: string;
let connection: DuckDBConnection;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-formats-"));
  connection = await (await DuckDBInstance.create()).connect();
  await connection.run("SET TimeZone = 'UTC'");
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FEATURES: FeatureInput[] = [
  { kind: "id", name: "shop", vocabulary: { minCount: 2 } },
  { kind: "id", name: "user", vocabulary: {} },
  { kind: "id", name: "size", hash: 1000 },
  { kind: "id", name: "day", vocabulary: { maxSize: 5 } },
  { kind: "id", name: "member", vocabulary: {} },
  { kind: "id", name: "pair", columns: ["shop", "user"], hash: 1000 },
  { kind: "ids", name: "tags", vocabulary: {}, pooling: "mean" },
  { kind: "number", name: "price", normalize: "zscore" },
  { kind: "number", name: "rate", column: "size", normalize: "minmax" },
  { kind: "number", name: "range", column: "size", boundaries: [0.1, 1, 2.5] },
  { kind: "combo", name: "shop_x_tags", inputs: ["shop", "tags"], vocabulary: { minCount: 2 } },
  { kind: "lookup", name: "count", map: "tags", key: "shop", normalize: "zscore" },
];

/** By column: its type, the narrower types of the same column in other Parquet files, and its values. */
const COLUMNS: Readonly<Record<string, readonly [types: string[], cells: fc.Arbitrary<Cell>]>> = {
  fold: [["INTEGER", "TINYINT", "BIGINT"], numbers(fc.nat(9))],
  shop: [["VARCHAR"], fc.constantFrom("a", "b", "c 1", "d,e", "é", "\u{1f600}", 'q"q').map(textCell)],
  user: [["BIGINT", "INTEGER", "SMALLINT"], numbers(fc.nat(40))],
  size: [["DOUBLE", "FLOAT", "DECIMAL(9,3)"], numbers(fc.nat(40).map((n) => n / 8))],
  price: [["DOUBLE", "DECIMAL(9,2)", "INTEGER"], numbers(fc.integer({ min: -9, max: 99 }))],
  day: [["DATE"], fc.nat(400).map((day) => dayCell(new Date(day * 86_400_000)))],
  member: [["BOOLEAN"], fc.boolean().map((js) => plainCell(js))],
  tags: [["VARCHAR[]"], fc.array(fc.constantFrom("a:1", "b:2", "x"), { maxLength: 3 }).map(listCell)],
  y: [["INTEGER", "TINYINT", "DOUBLE"], numbers(fc.nat(1))],
  w: [["DOUBLE", "FLOAT"], numbers(fc.nat(20).map((n) => n / 4))],
};
const NEVER_MISSING = ["fold", "y", "w"];

it.each(SEEDS)("table %i has one meaning in every format", async (seed) => {
  const columns = tableOf(seed);
  const results: [string, unknown][] = [];
  for (const format of ["csv", "tsv", "utf16", "json", "parquet", "rows"] as const) {
    const { source, rows } = await writeTable(connection, folder, format, columns);
    results.push([format, await meaning(source, rows)]);
  }
  const { rows } = await writeTable(connection, folder, "rows", columns);
  results.push(["parquet files of mixed types", await meaning(await mixedFiles(seed, columns), rows)]);
  for (const [format, result] of results) expect([format, result]).toEqual([format, results[0][1]]);
});

function tableOf(seed: number): Column[] {
  return Object.entries(COLUMNS).map(([name, [[type], cells]], i) => {
    const any = NEVER_MISSING.includes(name) ? cells : fc.option(cells, { freq: 8 });
    return { name, type, cells: fc.sample(any, { seed: 100 * seed + i, numRuns: ROWS }) };
  });
}

/** Three files, each with other types. */
async function mixedFiles(seed: number, columns: readonly Column[]): Promise<SourceInput> {
  const paths: string[] = [];
  for (const part of [0, 1, 2]) {
    const rows = [(ROWS * part) / 3, (ROWS * (part + 1)) / 3];
    const typed = columns.map(({ name, cells }) => {
      const [types] = COLUMNS[name];
      return { name, type: types[(part + seed) % types.length], cells: cells.slice(...rows) };
    });
    const { source } = await writeTable(connection, mkdtempSync(join(folder, "part-")), "parquet", typed);
    paths.push(source.path as string);
  }
  return { path: paths };
}

/** What was learned, and the packed columns of every split, which serving must repeat. */
async function meaning(source: SourceInput, rows: readonly RawRow[]): Promise<unknown> {
  const data = dataSchema.parse({
    ...{ source, label: "y", weight: "w", cacheDir: mkdtempSync(join(folder, "cache-")) },
    split: { train: "fold < 6", valid: "fold IN (6, 7)", test: "fold > 7" },
  });
  const prepared = await prepareData({ data, features: featuresSchema.parse(FEATURES) });
  const { vocabularies, features } = prepared.features;
  const splits = { train: [0, 5], valid: [6, 7], test: [8, 9] } as const;
  const packed = Object.entries(splits).map(([name, [first, last]]) => {
    const inSplit = rows.filter(({ fold }) => Number(fold) >= first && Number(fold) <= last);
    return [name, ...packedColumns(prepared, name as keyof typeof splits, inSplit)];
  });
  return { vocabularies, features, packed };
}

function packedColumns(
  { features, splits }: PreparedData,
  name: "train" | "valid" | "test",
  rows: readonly RawRow[],
) {
  const split = splits[name]!;
  expect(readFileSync(split.quarantinePath, "utf8")).toBe("");
  const served = createEncoder(features, { label: "y", weight: "w" }).encode(rows);
  expect(served.bad).toEqual([]);
  const digests = [...split.columns.keys()].map((column) => [column, digest(split, column)]);
  expect([...served.columns.keys()].map((column) => [column, digest(served, column)])).toEqual(digests);
  return [split.rows, digests];
}

function digest({ rows, columns }: ColumnSet, name: string): string {
  const column = columns.get(name)!;
  const hash = createHash("sha256");
  for (let r = 0; r < rows; r++)
    if (column.kind === "ids")
      hash.update(column.values.slice(Number(column.offsets[r]), Number(column.offsets[r + 1]))).update(";");
    else
      hash.update(
        column.data.slice(column.offset + r * column.stride, column.offset + r * column.stride + 1),
      );
  return hash.digest("hex");
}

function numbers(values: fc.Arbitrary<number>): fc.Arbitrary<Cell> {
  return values.map((js) => plainCell(js));
}

function plainCell(js: number | boolean): Cell {
  return { sql: `'${js}'`, js, text: String(js), json: String(js) };
}

function textCell(text: string): Cell {
  return { sql: `'${text}'`, js: text, text, json: JSON.stringify(text) };
}

function dayCell(js: Date): Cell {
  const text = js.toISOString().slice(0, 10);
  return { sql: `'${text}'`, js, text, json: `"${text}"` };
}

function listCell(js: readonly string[]): Cell {
  const json = JSON.stringify(js);
  return { sql: `[${js.map((text) => `'${text}'`).join(", ")}]::VARCHAR[]`, js, text: json, json };
}
