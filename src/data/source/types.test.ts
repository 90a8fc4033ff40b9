import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { BagColumn, FloatColumn, IdColumn } from "../../columns/columns.js";
import { fitFeatures } from "../../features/fit.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { numberSql, numberValue } from "../../features/values.js";
import { type DataInput, dataSchema, type SourceInput, sourceSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { Duck, quoteText } from "./duckdb.js";
import { scanSource } from "./scan.js";

/** Values are read as they stand in the file, wherever they stand in it. */

let folder: string;
let duck: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-types-"));
  duck = await Duck.open("");
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, content: string | Buffer): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

async function parquet(name: string, select: string): Promise<string> {
  const path = join(folder, name);
  await duck.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`, "test");
  return path;
}

function prepare(data: DataInput, features: FeatureInput[]) {
  const parsed = dataSchema.parse({ cacheDir: join(folder, "cache"), ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse(features), labels: "binary" });
}

/** The values of a column after `sql`, as DuckDB shows them, in the order of the rows. */
async function column(source: SourceInput, name: string): Promise<unknown[]> {
  const none = fitFeatures(featuresSchema.parse([{ kind: "number", name: "y", missing: 0 }]), {
    vocabularies: {},
    numbers: {},
  });
  const values: unknown[] = [];
  for await (const { passthrough, bad, malformed } of scanSource(sourceSchema.parse(source), none, {
    passthrough: [name],
  })) {
    expect([bad, malformed]).toEqual([[], 0]);
    values.push(...passthrough.get(name)!);
  }
  return values;
}

function numbersOf(columns: { get(name: string): unknown }, name: string, rows: number): number[] {
  const { data, offset, stride } = columns.get(name) as FloatColumn;
  return Array.from({ length: rows }, (_, r) => data[offset + r * stride]);
}

/** More rows than any sample has. */
const MANY = 21_000;

describe("columns of CSV files that only sql reads", () => {
  const late = (name: string, first: string, last: string) =>
    write(name, `y,c\n${`1,${first}\n`.repeat(MANY)}0,${last}\n`);

  it.each([
    ["fractions after integers", "1", "0.25", "c * 4", 1],
    ["integers of 20 digits after short ones", "1", "12345678901234567890", "c % 100", 90],
    ["times of day after dates", "2020-01-01", "2020-01-02 07:30:00", "hour(c)", 7],
    ["time zones after times", "2020-01-01 00:00:00", "2020-01-01T01:00:00+05:30", "hour(c)", 19],
    ["words after numbers", "1", "n/a", "c || '!'", "n/a!"],
    ["words after true", "true", "maybe", "c || '!'", "maybe!"],
    ["codes with a leading zero after numbers", "7", "007", "c || '!'", "007!"],
  ])("%s", async (name, first, last, sql, value) => {
    const path = late(`${name.slice(0, 9)}.csv`, first, last);
    const values = await column({ path, sql: `SELECT y, ${sql} AS d FROM source` }, "d");
    expect(values).toHaveLength(MANY + 1);
    expect(values.at(-1)).toEqual(value);
  });

  it("stay NULL for any SQL if they have no value", async () => {
    const path = write("empty.csv", "y,delay\n1,\n0,\n");
    const sql = "SELECT y, coalesce(delay > 15, false) OR delay = 'x' AS d FROM source";
    expect(await column({ path, sql }, "d")).toEqual([null, null]);
  });

  it("are refused where no type holds all numbers", async () => {
    const sql = "SELECT *, c * 2 AS d FROM source";
    const mixed = column({ path: late("mixed.csv", "0.5", "12345678901234567890"), sql }, "d");
    await expect(mixed).rejects.toThrow(/column c: [\s\S]*12345678901234567890[\s\S]*VARCHAR/);
  });

  it("are never changed by a type in the config", async () => {
    const path = write(
      "declared.csv",
      "y,n,d\n1,1,2020-01-01\n1,0.25,2020-01-01 10:00:00\n1,2.0,2020-01-02\n",
    );
    const typed = (types: Record<string, string>) =>
      column({ path, types, sql: "SELECT y, n + 1 AS n, d FROM source" }, "n");
    await expect(typed({ n: "INTEGER" })).rejects.toThrow(/types\.n: [\s\S]*"0.25", read as INTEGER/);
    await expect(typed({ n: "DECIMAL(9,1)" })).rejects.toThrow(/0\.25/);
    await expect(typed({ n: "DOUBLE", d: "DATE" })).rejects.toThrow(/types\.d: [\s\S]*10:00:00/);
    expect(await typed({ n: "DECIMAL(9,2)" })).toEqual(["2.00", "1.25", "3.00"]);
  });

  it("keep every digit of an id that only a predicate reads", async () => {
    const ids = Array.from({ length: 1000 }, (_, i) => `${12345678901234567000n + BigInt(i)}`);
    const path = write("hash.csv", `id,y\n${ids.map((id) => `${id},1\n`).join("")}`);
    const { splits } = await prepare(
      { source: { path }, split: { train: "id % 5 < 4", test: "id % 5 = 4" }, label: "y" },
      [{ kind: "number", name: "y" }],
    );
    expect([splits.train.rows, splits.test!.rows]).toEqual([800, 200]);
  });

  it("may be replaced by a column of another type that a feature reads", async () => {
    const path = write("gender.csv", "gender,y\nM,1\nF,0\nM,0\n");
    const sql = "SELECT * REPLACE (CASE gender WHEN 'M' THEN 1 ELSE 0 END AS gender) FROM source";
    const { splits } = await prepare({ train: { path, sql }, label: "y" }, [
      { kind: "number", name: "gender" },
    ]);
    expect(numbersOf(splits.train.columns, "gender", 3)).toEqual([1, 0, 1]);
  });
});

describe("CSV files that do not begin cleanly", () => {
  it("lose the odd rows only", async () => {
    const lines = Array.from({ length: 50 }, (_, i) => `u${i},${i % 2}\n`);
    lines[3] = "u3,yes\n";
    lines[5] = '"u5,1\n';
    lines[6] = 'u6",1\n';
    lines[9] = '"u"9,1\n';
    const path = write("odd.csv", `user,y\n${lines.join("")}`);
    const { splits } = await prepare({ train: { path }, label: "y", maxBadRows: 1 }, [
      { kind: "id", name: "user", hash: 10 },
    ]);
    expect([splits.train.rows, splits.train.quarantined]).toEqual([47, 2]);
    const bad = readFileSync(splits.train.quarantinePath, "utf8").trim().split("\n");
    expect(bad.map((line) => JSON.parse(line))).toMatchObject([{ feature: "@label" }, { value: '"u"9,1' }]);
  });

  it("are read to the end also by the queries that learn", async () => {
    const path = write("stray.csv", `user,x,y\nu1,1,1\n"u"2,2,0\nu3,3,1\nu4,4,0\n`);
    const { features } = await prepare({ train: { path }, label: "y", maxBadRows: 1 }, [
      { kind: "id", name: "user", vocabulary: {} },
      { kind: "number", name: "x", normalize: "zscore" },
    ]);
    expect(features.vocabularies.user).toEqual(["u1", "u3", "u4"]);
    expect(features.features[1]).toMatchObject({ transform: { kind: "affine", shift: 8 / 3 } });
  });

  it("are read with extensions in capitals", async () => {
    const path = write("T.CSV.GZ", gzipSync("y,c\n1,a\n"));
    expect(await column({ path }, "c")).toEqual(["a"]);
  });

  it("lose rows that are not UTF-8, and name a first line that is not", async () => {
    const latin = (text: string) => Buffer.from(text, "latin1");
    const path = write("latin.csv", latin("c,y\na,1\ncaf\u00e9,1\nb,0\n"));
    const { splits, features } = await prepare({ train: { path }, label: "y", maxBadRows: 1 }, [
      { kind: "id", name: "c", vocabulary: {} },
    ]);
    expect([splits.train.rows, splits.train.quarantined, features.vocabularies.c]).toEqual([
      2,
      1,
      ["a", "b"],
    ]);
    expect(await column({ path, encoding: "latin-1" }, "c")).toEqual(["a", "caf\u00e9", "b"]);
    const header = write("header.csv", latin("caf\u00e9,y\na,1\n"));
    await expect(column({ path: header }, "y")).rejects.toThrow(/first line[\s\S]*header\.csv[\s\S]*latin-1/);
  });

  it("say what is malformed if every row is", async () => {
    const path = write("all.csv", "y,c\n1\n2,3,4\n");
    await expect(column({ path }, "c")).rejects.toThrow(/2 malformed rows; the first: .*all\.csv, line 2/);
  });
});

describe("files of one source", () => {
  const glob = (...paths: string[]): SourceInput => ({ path: paths });

  it.each([
    ["int32, float64", "1::INTEGER", "1.5::DOUBLE", [1, 1.5]],
    ["int8, int64", "1::TINYINT", "200::BIGINT", [1, 200]],
    ["decimal, double", "1::DECIMAL(5,0)", "1.5::DOUBLE", [1, 1.5]],
    ["two decimals", "1::DECIMAL(5,0)", "1.25::DECIMAL(9,2)", ["1.00", "1.25"]],
    ["bigint, decimal", "9007199254740993", "0.5::DECIMAL(2,1)", ["9007199254740993.0", "0.5"]],
    ["float, double", "0.1::FLOAT", "0.2::DOUBLE", [0.1, 0.2]],
    ["unsigned, signed", "4000000000::UINTEGER", "-1::INTEGER", [4000000000, -1]],
    [
      "date, timestamp",
      "DATE '2020-01-01'",
      "TIMESTAMP '2020-01-02 10:00:00'",
      ["2020-01-01 00:00:00", "2020-01-02 10:00:00"],
    ],
    ["all null, text", "NULL::INTEGER", "'abc'", [null, "abc"]],
    ["lists", "[1, 2]", "[1.5::DOUBLE]", ["[1.0, 2.0]", "[1.5]"]],
  ])("Parquet: the common type of %s", async (name, first, second, values) => {
    const paths = [
      await parquet(`${name}-1.parquet`, `SELECT 1 AS y, ${first} AS c`),
      await parquet(`${name}-2.parquet`, `SELECT 1 AS y, ${second} AS c`),
    ];
    expect(await column(glob(...paths), "c")).toEqual(values);
    expect(await column(glob(...[...paths].reverse()), "c")).toEqual([...values].reverse());
  });

  it("Parquet: an empty file has no types", async () => {
    const none = await parquet("none.parquet", "SELECT 1 AS y, 1 AS c LIMIT 0");
    const some = await parquet("some.parquet", "SELECT 1 AS y, 'abc' AS c");
    expect(await column(glob(none, some), "c")).toEqual(["abc"]);
  });

  it("Parquet: names file and both types where there is no common one", async () => {
    const a = await parquet("a.parquet", "SELECT 1 AS y, 0.5::FLOAT AS c");
    const b = await parquet("b.parquet", "SELECT 1 AS y, 'text' AS c");
    await expect(column(glob(a, b), "c")).rejects.toThrow(/FLOAT in .*a\.parquet, VARCHAR in .*b\.parquet/);
  });

  it("Parquet: refuses integers that the floating-point numbers of other files would change, where they are ids", async () => {
    const big = await parquet("big.parquet", "SELECT 1 AS y, 9007199254740993 AS c");
    const refusal =
      /column c has floating-point numbers[\s\S]*9007199254740993, of type BIGINT, in .*big\.parquet\n/;
    for (const [value, type] of [
      ["5", "BIGINT"],
      ["0.5", "DECIMAL(3,2)"],
    ]) {
      const path = await parquet("half.parquet", `SELECT 1 AS y, ${value}::DOUBLE AS c`);
      await expect(column(glob(path, big), "c")).rejects.toThrow(refusal);
      await expect(column(glob(big, path), "c")).rejects.toThrow(refusal);
      expect(await column(glob(path, big), "y")).toEqual([1, 1]);
      const features: FeatureInput[] = [{ kind: "number", name: "c" }];
      const { splits } = await prepare({ train: glob(path, big), label: "y" }, features);
      expect(numbersOf(splits.train.columns, "c", 2)).toEqual([Number(value), 2 ** 53]);
      // The advice of the message.
      const select = `SELECT * REPLACE (CAST(c AS ${type}) AS c) FROM ${quoteText(path)}`;
      const written = await parquet("written.parquet", select);
      const scale = type === "BIGINT" ? "" : ".00";
      const [first, second] = (await column(glob(big, written), "c")).map(String);
      expect([first, Number(second)]).toEqual([`9007199254740993${scale}`, Number(value)]);
    }
  });

  it("CSV: a header alone says nothing about types", async () => {
    const paths = [write("h1.csv", "c,y\n"), write("h2.csv", "y,c\n1,2.5\n"), write("h3.csv", "y,c\n1,x\n")];
    const sql = "SELECT y, c FROM source";
    expect(await column({ path: paths.slice(0, 2), sql }, "c")).toEqual([2.5]);
    expect(await column({ path: paths, sql }, "c")).toEqual(["2.5", "x"]);
  });

  it("name a column that a file lacks, or read it as missing with union", async () => {
    const paths = [
      write("u1.csv", "y,c\n1,a\n"),
      write("u2.csv", "y\n1\n"),
      write("u3.csv", "c,y,z\nb,1,9\n"),
    ];
    await expect(column(glob(...paths), "c")).rejects.toThrow(/u2\.csv has no column c[\s\S]*union/);
    expect(await column({ path: paths, union: true }, "c")).toEqual(["a", null, "b"]);
    expect(await column({ path: paths, union: true, sql: "SELECT y, z FROM source" }, "z")).toEqual([
      null,
      null,
      9,
    ]);
    const columnar = [
      await parquet("u1.parquet", "SELECT 1 AS y, 2 AS c"),
      await parquet("u2.parquet", "SELECT 1 AS y"),
    ];
    await expect(column(glob(...columnar), "c")).rejects.toThrow(/u2\.parquet has no column c/);
    expect(await column({ path: columnar, union: true }, "c")).toEqual([2, null]);
  });
});

describe("JSON lines", () => {
  it.each([
    [["-3", "7"], "BIGINT"],
    [["-3", "9007199254740993"], "BIGINT"],
    [["-9223372036854775808", "9223372036854775807"], "BIGINT"],
    [["-1", "9223372036854775808"], "HUGEINT"],
  ])("of the integers %j have the type in sql that CSV gives them", async (values, type) => {
    const sql = "SELECT 1 AS y, typeof(x) || ' ' || hash(x) AS seen FROM source";
    const json = write("integers.jsonl", values.map((value) => `{"x":${value}}\n`).join(""));
    const csv = write("integers.csv", `x\n${values.join("\n")}\n`);
    const seen = await column({ path: json, sql }, "seen");
    expect(seen[0]).toMatch(new RegExp(`^${type} `));
    expect(seen).toEqual(await column({ path: csv, sql }, "seen"));
  });

  const features: FeatureInput[] = [
    { kind: "id", name: "id", vocabulary: {} },
    { kind: "number", name: "v", width: 2 },
    { kind: "number", name: "x" },
  ];
  const first = `{"id":1,"v":[1,2],"x":1,"y":1}`;

  it("keep the type of each value, wherever it stands", async () => {
    const odd = [
      `{"id":true,"v":[1.5,2.5],"x":true,"y":1}`,
      `{"id":1.5,"v":[3,4],"x":0.5,"y":1}`,
      `{"id":"1","v":"5,6","x":"7","y":1}`,
      `{"id":123456789012345678901234567890,"v":[1,2],"x":1,"y":1}`,
      `{"id":1.0,"v":[1,2],"x":1,"y":1}`,
    ];
    const run = async (name: string, lines: string[]) => {
      const { features: fitted, splits } = await prepare(
        { train: { path: write(name, lines.join("\n")) }, label: "y" },
        features,
      );
      const { columns, rows } = splits.train;
      return {
        ids: new Set(fitted.vocabularies.id),
        x: new Set(numbersOf(columns, "x", rows)),
        v: new Set(numbersOf(columns, "v", rows)),
        rows,
      };
    };
    const before = await run("before.jsonl", [...odd, ...Array(MANY).fill(first)]);
    const after = await run("after.jsonl", [...Array(MANY).fill(first), ...odd]);
    expect(after).toEqual(before);
    expect(after).toEqual({
      ids: new Set(["1", "true", "1.5", "123456789012345678901234567890"]),
      x: new Set([1, 0.5, 7]),
      v: new Set([1, 1.5, 3, 5]),
      rows: MANY + odd.length,
    });
  });

  it("have times in numbers of any form", async () => {
    const times = [0, 3600, 7200.5, "10800"];
    const path = write("times.jsonl", times.map((t) => JSON.stringify({ t, y: 1 })).join("\n"));
    const { splits } = await prepare({ train: { path }, label: "y" }, [
      { kind: "datePart", name: "hour", input: "t", part: "hour", unit: "seconds" },
    ]);
    const { data, offset, stride } = splits.train.columns.get("hour") as IdColumn;
    expect(times.map((_, r) => Number(data[offset + r * stride]))).toEqual([0, 1, 2, 3]);
  });

  it("are NULL for any SQL in columns without a value", async () => {
    const path = write("nulls.jsonl", '{"a":null,"y":1}\n{"a":null,"y":2}\n');
    expect(await column({ path, sql: "SELECT y, a > 3 OR a = 'x' AS d FROM source" }, "d")).toEqual([
      null,
      null,
    ]);
  });

  it("have columns that appear late", async () => {
    const path = write("late.jsonl", `${`${first}\n`.repeat(MANY)}{"id":2,"v":[1,2],"x":1,"y":1,"late":7}\n`);
    expect((await column({ path }, "late")).at(-1)).toBe(7);
  });
});

it("reads times in UTC, whatever the zone of the machine", async () => {
  expect(
    await duck.rows("SELECT hour(TIMESTAMPTZ '2020-01-01 23:30:00Z'), current_setting('TimeZone')", "test"),
  ).toEqual([["23", "UTC"]]);
});

it("refuses decimals of more digits than DuckDB reads", async () => {
  const path = await parquet("wide.parquet", "SELECT 1 AS y, 1.5::DECIMAL(38,1) AS c");
  const bytes = readFileSync(path);
  // The precision in the schema, once as a number and once in the logical type (Thrift compact: zigzag 38 is 76, 40 is 80).
  let changed = 0;
  for (let at = bytes.lastIndexOf("PAR1") - 400; at < bytes.length; at++)
    if (bytes[at] === 76 && bytes[at - 1] === 0x15) {
      bytes[at] = 80;
      changed++;
    }
  expect(changed).toBeGreaterThan(0);
  writeFileSync(path, bytes);
  await expect(column({ path }, "c")).rejects.toThrow(
    /the column c has decimals[\s\S]*40 digits in .*wide\.parquet/,
  );
});

it("reads texts as numbers where JavaScript does", async () => {
  const signs = ["", "+", "-", "--", "- "];
  const digits = [
    "5",
    "5.",
    ".5",
    "05",
    "1_0",
    "1_0.5",
    "5e1",
    "5e",
    "5e+1",
    "1e400",
    "1e-400",
    "5 5",
    "0x5",
    "5f",
    "٣",
    "１",
    "nan",
    "inf",
    "true",
    ".",
    "",
    "5\u00a0",
  ];
  const around = [" ", "\t", "\v", "\u2003", ""];
  const texts = signs.flatMap((sign) =>
    digits.flatMap((digit) => around.map((space) => `${space}${sign}${digit}${space}`)),
  );
  const list = texts.map(quoteText).join(", ");
  const sql = `SELECT ${numberSql("t", "VARCHAR")} FROM (SELECT unnest([${list}]::VARCHAR[]) AS t)`;
  const read = (await duck.rows(sql, "test")).map(([number]) =>
    // Whoever reads the number takes -0 for 0.
    number === null ? undefined : Number(number.replace("inf", "Infinity")) + 0,
  );
  expect(read).toEqual(texts.map(numberValue));
});

it("reads bags of integers in cells of CSV files, whatever the first rows look like", async () => {
  const bags = ["1", "2", "1|5", "[3, 5]", "", "7|x"];
  const path = write("bags.csv", `y,b\n${bags.map((bag) => `1,"${bag}"\n`).join("")}`);
  const { splits } = await prepare({ train: { path }, label: "y", maxBadRows: 1 }, [
    { kind: "ids", name: "b", separator: "|", buckets: 10 },
  ]);
  const { values, offsets } = splits.train.columns.get("b") as BagColumn;
  expect([...values].map(Number)).toEqual([1, 2, 1, 5, 3, 5]);
  expect([...offsets].map(Number)).toEqual([0, 1, 2, 4, 6, 6]);
  expect(splits.train.reasons).toEqual({ "b: not an integer": 1 });
});
