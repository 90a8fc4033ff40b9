import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { Column } from "../../columns/columns.js";
import { packRows } from "../../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { Duck, quoteName, quoteText } from "./duckdb.js";

/** A column may have any name, also one that the SQL of this project or SQL itself uses. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-names-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Values of each kind of input, by the SQL type of its column in a Parquet file. */
const INPUTS = {
  text: ["a", "b", null, "c"],
  number: [1, 2.5, 3, 4],
  whole: [1, 2, 3, 0],
  texts: [["a", "b"], ["b"], [], ["c"]],
  numbers: [
    [1, 2],
    [3, 4],
    [5, 6],
    [7, 8],
  ],
  map: [{ a: 1, b: 2 }, { b: 0.5 }, {}, { a: 3, c: 1 }],
  maps: [{ a: { s: 1, t: 2 } }, { b: {}, a: { s: 1 } }, {}, { c: { u: 3 } }],
  pairs: ["a:1|b:2", "b:0.5", "c", "a:3"],
} as const;

/** One feature for each form of input. */
const FEATURES: Record<string, (column: string) => { input: keyof typeof INPUTS; feature: FeatureInput }> = {
  id: (column) => ({ input: "text", feature: { kind: "id", name: "f", column, vocabulary: {} } }),
  cross: (column) => ({
    input: "text",
    feature: { kind: "id", name: "f", columns: [column, "other"], hash: 50 },
  }),
  buckets: (column) => ({ input: "whole", feature: { kind: "id", name: "f", column, buckets: 4 } }),
  number: (column) => ({
    input: "number",
    feature: { kind: "number", name: "f", column, normalize: "zscore" },
  }),
  vector: (column) => ({ input: "numbers", feature: { kind: "number", name: "f", column, width: 2 } }),
  bag: (column) => ({ input: "texts", feature: { kind: "ids", name: "f", column, vocabulary: {} } }),
  bagOfText: (column) => ({
    input: "pairs",
    feature: { kind: "ids", name: "f", column, separator: "|", hash: 50 },
  }),
  weightedMap: (column) => ({
    input: "map",
    feature: { kind: "ids", name: "f", column, weighted: true, vocabulary: {} },
  }),
  weightedText: (column) => ({
    input: "pairs",
    feature: { kind: "ids", name: "f", column, separator: "|", weighted: true, vocabulary: {} },
  }),
  lookup: (column) => ({
    input: "map",
    feature: { kind: "lookup", name: "f", map: column, key: "other", missing: 0 },
  }),
  match: (column) => ({
    input: "maps",
    feature: { kind: "match", name: "f", map: column, primary: "other", secondary: "*", missing: 0 },
  }),
};

const NAMES = [
  "x",
  "e",
  "v",
  "t",
  "n",
  "c0",
  "c1",
  "k0",
  "x0",
  "key",
  "value",
  "item",
  "item_",
  "source",
  "label",
  "row",
  "line",
  "word",
  "number",
  "select",
  "order",
  "Group",
  "a b",
  'a"b',
  "a'b",
  "a.b",
  "ä",
  "1",
  "@row",
];

/** A value in SQL. */
function literal(value: unknown): string {
  if (value === null) return "NULL";
  if (typeof value === "number") return `${value}::DOUBLE`;
  if (typeof value === "string") return quoteText(value);
  if (Array.isArray(value)) return `[${value.map(literal).join(", ")}]`;
  const entries = Object.entries(value as object).map(
    ([key, weight]) => `${quoteText(key)}: ${literal(weight)}`,
  );
  return `MAP {${entries.join(", ")}}`;
}

async function write(path: string, columns: ReadonlyMap<string, readonly unknown[]>): Promise<string> {
  const rows = [...Array(4).keys()].map((row) => {
    const cells = [...columns].map(([name, values]) => {
      const typed = Array.isArray(values[0])
        ? `${literal(values[row])}::${typeof values[0][0] === "number" ? "DOUBLE[]" : "VARCHAR[]"}`
        : literal(values[row]);
      return `${typed} AS ${quoteName(name)}`;
    });
    return `SELECT ${cells.join(", ")}`;
  });
  const duck = await Duck.open("");
  await duck.run(`COPY (${rows.join(" UNION ALL BY NAME ")}) TO ${quoteText(path)} (FORMAT parquet)`, "test");
  duck.close();
  return path;
}

async function prepare(data: DataInput, features: FeatureInput[]) {
  const parsed = dataSchema.parse({ cacheDir: join(folder, "cache"), maxBadRows: 1, ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features) });
}

const WEIGHT = "weight of a row";

it.each(Object.entries(FEATURES))("%s reads columns of any name", async (kind, make) => {
  const { input } = make("");
  const columns = new Map<string, readonly unknown[]>([
    ...NAMES.map((name): [string, readonly unknown[]] => [name, INPUTS[input]]),
    ["y", [0, 1, 1, 0]],
    ["other", ["a", "b", "a", "c"]],
    [WEIGHT, [1, 2, 3, 4]],
  ]);
  const path = await write(join(folder, `${kind}.parquet`), columns);
  const all = NAMES.map((name, i) => ({ ...make(name).feature, name: `f${i}` }) as FeatureInput);
  const { splits, features } = await prepare({ train: { path }, label: "y", weight: WEIGHT }, all);
  const rows = [...Array(4).keys()].map((row) =>
    Object.fromEntries([...columns].map(([column, values]) => [column, values[row]])),
  );
  const { bad, columns: encoded } = packRows(features, rows);
  expect([splits.train.rows, bad]).toEqual([4, []]);
  for (const [i, name] of NAMES.entries()) {
    const [packed, served] = [splits.train.columns, encoded].map((set) => valuesOf(set.get(`f${i}`)!));
    expect([name, packed]).toEqual([name, served]);
    expect([name, packed]).toEqual([name, valuesOf(splits.train.columns.get("f0")!)]);
  }
});

/** The values of a column of four rows, in whatever memory they are. */
function valuesOf(column: Column): unknown {
  if (column.kind === "ids") return [[...column.values], [...column.offsets], [...(column.weights ?? [])]];
  const { data, offset, stride } = column;
  const width = column.kind === "number" ? column.width : 1;
  return [...Array(4).keys()].map((row) => [
    ...data.slice(offset + row * stride, offset + row * stride + width),
  ]);
}

it("columns of any name may be labels and weights, and divide the rows", async () => {
  const columns = new Map<string, readonly unknown[]>([
    ...NAMES.map((name): [string, readonly unknown[]] => [name, [0, 1, 1, 0]]),
    ["f", ["a", "b", "a", "c"]],
  ]);
  const path = await write(join(folder, "targets.parquet"), columns);
  const feature: FeatureInput = { kind: "id", name: "f", hash: 10 };
  const all = NAMES.map((name) => `${quoteName(name)} >= 0`).join(" AND ");
  const split = { train: `${all} AND f <> 'c'`, test: `${all} AND f = 'c'` };
  const { splits } = await prepare({ source: { path }, split, label: NAMES, weight: "x" }, [feature]);
  expect([splits.train.rows, splits.test!.rows]).toEqual([3, 1]);
  const divided = async (by: string) => {
    const shares = await prepare({ source: { path }, split: { by, train: 0.5, test: 0.5 }, label: by }, [
      feature,
    ]);
    return shares.splits.train.rows;
  };
  for (const by of NAMES.slice(0, 4)) expect(await divided(by)).toBe(await divided("select"));
});

it("match reads maps of maps, in files and objects", async () => {
  const rows = INPUTS.maps.map((map, i) => ({ map, key: ["a", "b", "a", "c"][i], y: i % 2 }));
  const feature: FeatureInput = {
    kind: "match",
    name: "f",
    map: "map",
    primary: "key",
    secondary: "*",
    missing: 9,
  };
  const { splits } = await prepare({ train: { rows }, label: "y" }, [feature]);
  expect(valuesOf(splits.train.columns.get("f")!)).toEqual([[3], [9], [9], [3]]);
});

it.each(["constructor", "toString", "valueOf"])(
  "a member of every object, %s, may name a column and a feature",
  async (name) => {
    const rows = ["a", "b", "a", "c"].map((text, i) => ({ [name]: text, y: i % 2 }));
    const files = {
      csv: `${name},y\n${rows.map((row) => `${row[name]},${row.y}\n`).join("")}`,
      jsonl: rows.map((row) => `${JSON.stringify(row)}\n`).join(""),
    };
    const paths = Object.entries(files).map(([extension, text]) => {
      const path = join(folder, `${name}.${extension}`);
      writeFileSync(path, text);
      return { path, types: { y: "DOUBLE" } };
    });
    const feature: FeatureInput = { kind: "id", name, vocabulary: {} };
    const sql = `SELECT * FROM source WHERE "${name}" <> 'd'`;
    for (const source of [{ rows }, { rows, sql }, ...paths, ...paths.map((path) => ({ ...path, sql }))]) {
      const { splits, features } = await prepare({ train: source, label: "y" }, [feature]);
      const served = packRows(features, rows);
      expect(valuesOf(splits.train.columns.get(name)!)).toEqual(valuesOf(served.columns.get(name)!));
      expect(served.bad).toEqual([]);
    }
  },
);
