import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import { DataError } from "../errors.js";
import { sourceSchema } from "./data-config.js";
import { Duck } from "./source/duckdb.js";
import { openSource, type Source } from "./source/source.js";

/**
 * The same values in files of every format and type: SQL computes the same with the values of a later file as with those
 * of the training data, or the file is refused with column, file and both types.
 */

let folder: string;
let duck: Duck;
let connection: DuckDBConnection;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-trained-formats-"));
  duck = await Duck.open(folder);
  connection = await (await DuckDBInstance.create()).connect();
  await connection.run("SET TimeZone = 'UTC'");
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

/** A file with a column x of the values. */
interface Written {
  readonly path: string;
  /** The type of its column in Parquet, or the format of a text file. */
  readonly type: string;
}

let files = 0;
const newPath = (extension: string) => join(folder, `f${files++}.${extension}`);

/** @param values SQL literals */
async function parquet(type: string, values: readonly string[]): Promise<Written> {
  const path = newPath("parquet");
  const rows = values.map((value) => `(${value})`);
  await connection.run(`COPY (SELECT x::${type} AS x FROM (VALUES ${rows}) t(x)) TO '${path}'`);
  return { path, type };
}

function text(extension: "csv" | "jsonl", values: readonly string[]): Written {
  const path = newPath(extension);
  const line = (value: string) => (extension === "csv" ? `${value}\n` : `{"x": ${value}}\n`);
  writeFileSync(path, `${extension === "csv" ? "x\n" : ""}${values.map(line).join("")}`);
  return { path, type: extension };
}

function open(path: string | string[], types?: Source["types"]): Promise<Source> {
  const demand = { wants: new Map(), sql: ["x"], types };
  return openSource(duck, sourceSchema.parse({ path }), "source", demand, folder);
}

/** What SQL sees of the column, with its type. */
async function seen(source: Source): Promise<string> {
  const rows = await duck.rows(
    `SELECT concat(typeof(x), ' ', x::VARCHAR) FROM (${source.select()})`,
    "source",
  );
  return rows.join(", ");
}

/** All pairs of files of which the second one is read otherwise than the first; and the types of those that are refused. */
async function compare(written: readonly Written[]): Promise<{ differences: string[]; refused: string[] }> {
  const differences: string[] = [];
  const refused: string[] = [];
  for (const trained of written) {
    const source = await open(trained.path);
    const expected = await seen(source);
    for (const later of written)
      try {
        const found = await seen(await open(later.path, source.types));
        if (found !== expected)
          differences.push(`${trained.type}, then ${later.type}: ${found} instead of ${expected}`);
      } catch (error) {
        refused.push(`${trained.type} then ${later.type}`);
        expect(error).toBeInstanceOf(DataError);
        expect(String(error)).toMatch(new RegExp(`column x[^]*${later.path}[^]*the type [^]*the type `));
      }
  }
  return { differences, refused };
}

const INTEGERS = ["1", "20", "3"];
const quoted = (values: readonly string[]) => values.map((value) => `"${value}"`);

async function inParquet(types: readonly string[], values: readonly string[]): Promise<Written[]> {
  const written: Written[] = [];
  for (const type of types) written.push(await parquet(type, values));
  return written;
}

it("integers have the type of training in files of every type of numbers", async () => {
  const types = ["TINYINT", "BIGINT", "DOUBLE", "FLOAT", "DECIMAL(10,2)"];
  const written = [
    ...(await inParquet(types, INTEGERS)),
    text("csv", INTEGERS),
    text("jsonl", INTEGERS),
    text("csv", ["1.0", "20", "3.00"]),
    text("jsonl", ["1.0", "2e1", "3"]),
  ];
  expect(await compare(written)).toEqual({ differences: [], refused: [] });
});

it("fractions have the type of training", async () => {
  const fractions = ["0.5", "2.25", "0.1"];
  const written = [
    ...(await inParquet(["DOUBLE", "FLOAT", "DECIMAL(10,2)", "DECIMAL(20,3)"], fractions)),
    text("csv", ["0.50", "2.25", "1e-1"]),
    text("jsonl", fractions),
  ];
  expect(await compare(written)).toEqual({ differences: [], refused: [] });
});

it("dates and times have the type of training", async () => {
  const days = quoted(["2001-01-31", "1969-12-31"]).map((day) => day.replaceAll('"', "'"));
  const written = [
    ...(await inParquet(["DATE", "TIMESTAMP", "TIMESTAMP_NS", "TIMESTAMPTZ"], days)),
    text("csv", ["2001-01-31", "1969-12-31"]),
    text("csv", ["2001-01-31T00:00:00Z", "1969-12-31 00:00:00 UTC"]),
    text("jsonl", ['"2001-01-31"', '"1969-12-31"']),
    text("jsonl", ['"2001-01-31 00:00:00"', '"1969-12-31 00:00:00"']),
  ];
  expect(await compare(written)).toEqual({ differences: [], refused: [] });
});

it("booleans, times of day and texts have the type of training", async () => {
  const truths = [
    ...(await inParquet(["BOOLEAN"], ["true", "false"])),
    text("csv", ["true", "FALSE"]),
    text("jsonl", ["true", "false"]),
  ];
  expect(await compare(truths)).toEqual({ differences: [], refused: [] });
  const times = [...(await inParquet(["TIME"], ["'08:00:00'"])), text("csv", ["08:00"])];
  expect(await compare(times)).toEqual({ differences: [], refused: [] });
  const texts = [...(await inParquet(["VARCHAR"], ["'a'"])), text("csv", ["a"]), text("jsonl", ['"a"'])];
  expect(await compare(texts)).toEqual({ differences: [], refused: [] });
});

it("lists, maps and objects have the type of training", async () => {
  const lists = ["[1, 2]", "[3]"];
  const written = [
    ...(await inParquet(["BIGINT[]", "TINYINT[]", "DOUBLE[]", "FLOAT[]"], lists)),
    text("jsonl", lists),
    text("jsonl", ["[1.0, 2]", "[3.0]"]),
  ];
  expect(await compare(written)).toEqual({ differences: [], refused: [] });
  const objects = [
    ...(await inParquet(["STRUCT(a TINYINT, b VARCHAR)"], ["{'a': 1, 'b': 'x'}"])),
    ...(await inParquet(["STRUCT(b VARCHAR, a DOUBLE)"], ["{'b': 'x', 'a': 1}"])),
    text("jsonl", ['{"a": 1, "b": "x"}']),
  ];
  expect(await compare(objects)).toEqual({ differences: [], refused: [] });
});

it("keys that an object lacks are missing, and those that training did not have are left out", async () => {
  const { types } = await open(text("jsonl", ['{"a": 1, "b": "x"}']).path);
  const source = await open(text("jsonl", ['{"a": 2.0, "c": true}']).path, types);
  expect(await seen(source)).toBe("STRUCT(a BIGINT, b VARCHAR) {'a': 2, 'b': NULL}");
});

it.each([
  ["BIGINT", "DOUBLE", "2.5"],
  ["BIGINT", "DOUBLE", "'nan'"],
  ["TINYINT", "BIGINT", "300"],
  ["DOUBLE", "BIGINT", "9007199254740993"],
  ["DECIMAL(10,2)", "DOUBLE", "0.125"],
  ["DATE", "TIMESTAMP", "'2001-01-31 08:00:00'"],
  ["TIMESTAMP", "TIMESTAMP_NS", "'2001-01-31 08:00:00.123456789'"],
  ["BIGINT", "VARCHAR", "'a'"],
  ["BIGINT", "BOOLEAN", "true"],
  ["BOOLEAN", "BIGINT", "1"],
  ["VARCHAR", "DOUBLE", "1"],
  ["TIMESTAMP", "BIGINT", "1"],
  ["BIGINT[]", "DOUBLE[]", "[2.5]"],
  ["STRUCT(a BIGINT)", "STRUCT(a DOUBLE)", "{'a': 2.5}"],
  ["STRUCT(a BIGINT)", "STRUCT(b BIGINT)", "{'b': 2}"],
])("after %s in training, a %s of %s is refused", async (trained, type, value) => {
  const later = await parquet(type, ["NULL", value]);
  await expect(open(later.path, { x: trained })).rejects.toThrow(
    expect.objectContaining({
      report: expect.objectContaining({
        where: "source, column x",
        got: expect.stringContaining(`in ${later.path}, where the column has the type ${type}`),
        expected: expect.stringContaining(`type ${trained},`),
      }),
    }),
  );
});

it.each([
  ["BIGINT", ["1.5"]],
  ["TINYINT", ["2.5"]],
  ["TINYINT", ["1.5", "300"]],
  ["DOUBLE", ["9007199254740993"]],
  ["DATE", ["2001-01-31 08:00:00"]],
  ["DATE", ["2001-01-31T00:00:00+05:30"]],
  ["TIMESTAMP", ["2001-01-31T08:00:00+05:30"]],
])("after %s in training, texts %s of a CSV file are refused", async (trained, values) => {
  const later = text("csv", values);
  await expect(open(later.path, { x: trained })).rejects.toThrow(
    new RegExp(`column x[^]*"${values[0].replaceAll("+", "\\+")}" in ${later.path}[^]*the type ${trained},`),
  );
});

it.each([
  ["BIGINT", "2", "x"],
  ["DOUBLE", "2.5", "1_000"],
  ["DOUBLE", "2.5", "+-5"],
  ["TIMESTAMP", "2001-01-31 00:00:00", "yesterday"],
  ["TIMESTAMP WITH TIME ZONE", "2001-01-31 00:00:00+00", "yesterday"],
  ["BOOLEAN", "true", "2"],
])(
  "after %s in training, the row of a CSV file with %s is read, and the one with %s is left out",
  async (trained, good, bad) => {
    expect(await seen(await open(text("csv", [good, bad]).path, { x: trained }))).toBe(`${trained} ${good}`);
  },
);

it.each(["BIGINT", "DATE", "VARCHAR", "BIGINT[]", "STRUCT(a BIGINT)"])(
  "a column without a value has the type %s of training",
  async (trained) => {
    const without = [
      (await parquet("DOUBLE", ["NULL"])).path,
      [(await parquet("DOUBLE", ["NULL"])).path, (await parquet("BOOLEAN", ["NULL"])).path],
      text("csv", ['""']).path,
      text("jsonl", ["null"]).path,
    ];
    for (const path of without)
      expect(new Set((await seen(await open(path, { x: trained }))).split(", "))).toEqual(
        new Set([`${trained} `]),
      );
  },
);

it("a column without a value in training stays without one", async () => {
  const { types } = await open(text("csv", ['""']).path);
  expect(types).toEqual({ x: "NULL" });
  const later = [text("csv", ["1"]), text("jsonl", ["1"]), await parquet("BIGINT", ["1"])];
  for (const { path } of later)
    await expect(open(path, types)).rejects.toThrow(new RegExp(`column x[^]*"1" in ${path}[^]*no value`));
  expect(await seen(await open((await parquet("BIGINT", ["NULL"])).path, types))).toBe('"NULL" ');
});

it("a list in a CSV file has the type of training", async () => {
  const path = text("csv", ['"[1, 2]"', "[3]"]).path;
  expect(await seen(await open(path, { x: "TINYINT[]" }))).toBe("TINYINT[] [1, 2], TINYINT[] [3]");
  const fractions = text("csv", ['"[1, 2.5]"']).path;
  await expect(open(fractions, { x: "TINYINT[]" })).rejects.toThrow(/the type TINYINT\[\],/);
});

it("a file has the common type of the files of training that it was one of", async () => {
  const paths = [(await parquet("DOUBLE", ["1", "2.5"])).path, (await parquet("BIGINT", ["3"])).path];
  const { types } = await open(paths);
  expect(types).toEqual({ x: "DOUBLE" });
  expect(await seen(await open(paths[1], types))).toBe("DOUBLE 3.0");
});

it("sparse files have the type of training", async () => {
  const path = newPath("svm");
  writeFileSync(path, "1 2:0.5\n");
  const demand = { wants: new Map(), sql: ["label"], types: { label: "BIGINT" } };
  const source = await openSource(duck, sourceSchema.parse({ path }), "source", demand, folder);
  expect(source.columns[0]).toEqual({ name: "label", type: "BIGINT" });
});
