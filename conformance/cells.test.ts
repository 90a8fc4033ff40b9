import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../src/columns/columns.js";
import { sourceSchema } from "../src/data/data-config.js";
import { ChunkEncoder, type Targets } from "../src/data/encode/chunk-encoder.js";
import { columnWants, readingWires } from "../src/data/source/column-query.js";
import { Duck } from "../src/data/source/duckdb.js";
import { openSource, type Source, withTextRules } from "../src/data/source/source.js";
import { targetWire } from "../src/data/source/target-query.js";
import { ConfigError } from "../src/errors.js";
import { createEncoder, type EncoderOptions } from "../src/features/encoder.js";
import { fitFeatures } from "../src/features/fit.js";
import { readingOf } from "../src/features/reading.js";
import { featuresSchema } from "../src/features/schema/features.js";
import { CELL_TYPES } from "./cells/columns.js";
import { type Column, type Format, type WrittenTable, writeTable } from "./cells/files.js";
import { READERS, type Reader } from "./cells/readers.js";

/**
 * A table with a column of every type of DuckDB, written in every format, is read by every kind of feature: in training
 * from the file, and in serving from the values that a caller holds. Both give the same ids and numbers, or both refuse.
 *
 * A run tries a part of the combinations. `CELLS=20 npx vitest run conformance/cells.test.ts` tries all of them with 20
 * tables; `CELLS_FIRST` is the seed of the first.
 */
const TABLES = Number(process.env.CELLS ?? 0);
const FIRST = Number(process.env.CELLS_FIRST ?? 1);
const SEEDS = Array.from({ length: Math.max(TABLES, 1) }, (_, i) => FIRST + i);
const ROWS = TABLES > 0 ? 150 : 60;
/** Half of the readers take these texts for missing; a third removes white space. */
const NULL_VALUES = ["a", "3", "-1", "true", "0.1", "b:2"];
const FORMATS: readonly Format[] = ["csv", "tsv", "utf16", "json", "parquet", "rows"];
/** A short run takes every so manieth combination of a column and a kind of feature, in each format others. */
const EVERY = TABLES > 0 ? 1 : 12;
/** A table of the long form takes a quarter of a minute, as JSON a minute and a half, with ten other programs at work. */
const TIMEOUT_MS = TABLES > 0 ? 600_000 : 120_000;

let folder: string;
let connection: DuckDBConnection;
let duck: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-cells-"));
  connection = await (await DuckDBInstance.create()).connect();
  await connection.run("SET TimeZone = 'UTC'");
  duck = await Duck.open(folder);
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

describe.each(SEEDS)("table %i: a cell is read in training as in serving", (seed) => {
  const columns = tableOf(seed);
  it.each(FORMATS)(
    "from %s",
    async (format) => {
      const table = await writeTable(connection, folder, format, columns);
      const differences: string[] = [];
      const first = seed + FORMATS.indexOf(format);
      for (const [k, reader] of READERS.entries()) {
        const read = columns.filter(({ name }, i) => /^c\d/.test(name) && (i + k + first) % EVERY === 0);
        const rules = {
          nullValues: (k + seed) % 2 ? NULL_VALUES : [],
          ...((k + seed) % 3 === 0 && { trim: true as const }),
        };
        const opened = withTextRules(await open(table, reader, read), { path: [] }, rules);
        const source = await inMemory(opened);
        for (const column of read) {
          for (const difference of await compare(table, source, reader, column))
            differences.push(`${format}, ${reader.name} of ${column.type}: ${difference}`);
        }
      }
      expect(differences.slice(0, 200)).toEqual([]);
    },
    TIMEOUT_MS,
  );
});

/** A column of every type, `other`, which features read beside it, and a label. */
function tableOf(seed: number): Column[] {
  const columns = CELL_TYPES.map(({ type, cells }, i) => ({
    name: `c${i}`,
    type,
    cells: fc.sample(fc.option(cells, { freq: 9 }), { seed: 1000 * seed + i, numRuns: ROWS }),
  }));
  const others = fc.sample(fc.constantFrom("a", "b", "a,b", "3", "a:1"), { seed, numRuns: ROWS });
  const other = others.map((text) => ({ sql: `'${text}'`, js: text, text, json: `"${text}"` }));
  const one = { sql: "1", js: 1, text: "1", json: "1" };
  return [
    ...columns,
    { name: "other", type: "VARCHAR", cells: other },
    { name: "y", type: "INTEGER", cells: others.map(() => one) },
  ];
}

/** The source as one run opens it whose features read all the columns. */
function open({ source }: WrittenTable, reader: Reader, read: readonly Column[]): Promise<Source> {
  const readings = read.map(({ name }) => readingOf(featuresSchema.parse([reader.feature(name)])[0]));
  const targets = reader.target ? ["y", ...read.map(({ name }) => name)] : [];
  const demand = { wants: columnWants(readings, targets), sql: [] };
  return openSource(duck, sourceSchema.parse(source), "source", demand, folder);
}

/** The source with its rows in a table of DuckDB, so that the file is parsed once and not for every column. */
async function inMemory(source: Source): Promise<Source> {
  await duck.run(`CREATE OR REPLACE TEMP TABLE opened AS ${source.select()}`, "cells");
  return { ...source, select: () => "FROM opened" };
}

async function compare(
  { rows }: WrittenTable,
  source: Source,
  { feature, target }: Reader,
  { name }: Column,
): Promise<string[]> {
  const config = featuresSchema.parse([feature(name)]);
  const vocabularies = { f: ["a", "3", "0.1", "true"] };
  const fitted = fitFeatures(config, { vocabularies, numbers: {}, ...rulesOf(source) });
  const options: EncoderOptions = target === undefined ? {} : { labels: "real", label: "y", [target]: name };
  let encoder: ChunkEncoder;
  try {
    const wires = readingWires(readingOf(config[0]), source, "f");
    encoder = new ChunkEncoder(fitted, [wires], await targetsOf(source, options));
  } catch (error) {
    // The config is refused: there is nothing to serve.
    if (error instanceof ConfigError) return [];
    throw error;
  }
  const column = target === undefined ? "f" : `@${target}`;
  const trained = await inTraining(encoder, source.select(), column);
  const encoded = createEncoder(fitted, options).encode(rows);
  const bad = new Set(encoded.bad.map(({ row }) => row));
  const served = results(encoded, column, (row) => bad.has(row));
  return rows.flatMap((row, r) =>
    trained[r] === served[r] ? [] : [`${show(row[name])} trained ${trained[r]}, served ${served[r]}`],
  );
}

const rulesOf = ({ nullValues, trims }: Source) => ({ nullValues, ...(trims && { trim: true as const }) });

async function targetsOf(source: Source, { label, weight }: EncoderOptions): Promise<Targets | undefined> {
  if (label === undefined) return undefined;
  const wireOf = async (column: string) => ({ column, wire: await targetWire(duck, column, source, column) });
  return {
    label: [await wireOf(label as string)],
    labels: "real",
    ...(weight !== undefined && { weight: await wireOf(weight) }),
  };
}

async function inTraining(encoder: ChunkEncoder, select: string, column: string): Promise<string[]> {
  const all: string[] = [];
  for await (const chunk of duck.stream(`SELECT ${encoder.projection} FROM (${select})`, "cells")) {
    encoder.encode(chunk);
    all.push(...results(encoder.block.columnSet(), column, (row) => encoder.isRefused(row)));
  }
  return all;
}

/** By row, the encoded values as text. */
function results({ columns, rows }: ColumnSet, name: string, isRefused: (row: number) => boolean): string[] {
  const column = columns.get(name)!;
  return Array.from({ length: rows }, (_, r) => {
    if (isRefused(r)) return "refused";
    if (column.kind === "ids") {
      const [start, end] = [Number(column.offsets[r]), Number(column.offsets[r + 1])];
      return show([
        [...column.values.subarray(start, end)],
        [...(column.weights?.subarray(start, end) ?? [])],
      ]);
    }
    const at = column.offset + r * column.stride;
    return show([...column.data.subarray(at, at + (column.kind === "number" ? column.width : 1))]);
  });
}

function show(value: unknown): string {
  if (value instanceof Map) return show([...value]);
  const plain = (_: string, v: unknown) => (typeof v === "bigint" ? `${v}n` : Object.is(v, -0) ? "-0" : v);
  return JSON.stringify(value, plain) ?? String(value);
}
