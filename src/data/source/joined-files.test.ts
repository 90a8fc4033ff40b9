import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceSchema } from "../data-config.js";
import type { Want } from "./demand.js";
import { Duck } from "./duckdb.js";
import { openSource } from "./source.js";

/** More rows than DuckDB looks at to guess a type. */
const ROWS = 21_000;

let folder: string;
let duck: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-joined-files-"));
  duck = await Duck.open("");
  write("keys.csv", ["id", "0", String(ROWS), String(ROWS + 1)]);
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

function write(name: string, lines: readonly string[]): void {
  mkdirSync(join(folder, name, ".."), { recursive: true });
  writeFileSync(join(folder, name), `${lines.join("\n")}\n`);
}

/** In SQL, `@` stands for the folder. */
const inFolder = (sql: string) => sql.replaceAll("@", folder);

/** The rows that a source with this SQL has, as texts. */
async function rowsOf(
  sql: string,
  { wants = {}, ...source }: Record<string, unknown> & { wants?: Record<string, Want> } = {},
) {
  const config = sourceSchema.parse({ path: join(folder, "keys.csv"), ...source, sql: inFolder(sql) });
  const demand = { wants: new Map(Object.entries(wants)), sql: [] };
  const { select } = await openSource(duck, config, "data.source", demand, folder);
  return duck.rows(select(), "test");
}

/** A value in many rows, and then two others. */
const after = (many: string, ...others: [string, string]) => [...Array<string>(ROWS).fill(many), ...others];

describe("all values of a file settle the types of its columns", () => {
  const cells: [name: string, values: string[], computed: string, expected: (string | null)[]][] = [
    ["fractions after integers", after("1", "0.25", "2.5"), "x * 2", ["2.0", "0.5", "5.0"]],
    [
      "integers beyond 2^63",
      after("1", "12345678901234567890", "12345678901234567891"),
      "x + 1",
      ["2", "12345678901234567891", "12345678901234567892"],
    ],
    [
      "a time of day after dates",
      after("2001-01-31", "2001-02-01 13:30:00", "2001-02-02"),
      "hour(x::TIMESTAMP)",
      ["0", "13", "0"],
    ],
    ["a word after numbers", after("1", "one", "2"), "x || '!'", ["1!", "one!", "2!"]],
    ["zeros in front after numbers", after("1", "007", "7"), "x || '!'", ["1!", "007!", "7!"]],
  ];
  const forms: [file: string, lines: (values: readonly string[]) => string[]][] = [
    ["items.csv", (values) => ["id,x", ...values.map((value, i) => `${i},${value}`)]],
    ["items.tsv", (values) => ["id\tx", ...values.map((value, i) => `${i}\t${value}`)]],
    ["items.json", (values) => values.map((value, i) => `{"id": ${i}, "x": ${jsonOf(value)}}`)],
  ];
  const jsonOf = (value: string) => (/^(0|[1-9]\d*)(\.\d+)?$/.test(value) ? value : JSON.stringify(value));

  for (const [name, values, computed, expected] of cells)
    it.each(forms)(`${name} in %s`, async (file, linesOf) => {
      write(file, linesOf(values));
      const reader = {
        "items.csv": "read_csv_auto(['@/items.csv'], sample_size := 100)",
        "items.tsv": "read_csv('@/items.tsv', delim = '\t')",
        "items.json": "read_json('@/items.json', sample_size = 1)",
      }[file]!;
      for (const from of [`'@/${file}'`, reader]) {
        const sql = `SELECT ${computed} AS y FROM source JOIN ${from} USING (id) ORDER BY CAST(id AS INT)`;
        expect(await rowsOf(sql), from).toEqual(expected.map((value) => [value]));
      }
    });
});

it("files of a pattern have one type", async () => {
  write("many/1.csv", ["id,x", "0,1"]);
  write("many/2.csv", ["id,x", `${ROWS},0.25`]);
  expect(await rowsOf("SELECT x * 2 AS y FROM source JOIN '@/many/*.csv' USING (id) ORDER BY y")).toEqual([
    ["0.5"],
    ["2.0"],
  ]);
  await duck.run(inFolder("COPY (SELECT '0' AS id, 1::INT AS x) TO '@/many/1.parquet'"), "test");
  await duck.run(inFolder(`COPY (SELECT '${ROWS}' AS id, 0.25::DOUBLE AS x) TO '@/many/2.parquet'`), "test");
  for (const from of ["'@/many/*.parquet'", "read_parquet(['@/many/1.parquet', '@/many/2.parquet'])"])
    expect(await rowsOf(`SELECT x * 2 AS y FROM source JOIN ${from} USING (id) ORDER BY y`)).toEqual([
      ["0.5"],
      ["2.0"],
    ]);
});

it("texts that only features read stay as they are", async () => {
  write("zips.csv", ["id,zip,price", "0,007,1_0"]);
  const sql = "SELECT * FROM source JOIN '@/zips.csv' USING (id)";
  expect(await rowsOf(sql, { wants: { zip: "text", price: "number" } })).toEqual([["0", "007", "1_0"]]);
});

it("tables have the names that DuckDB gives them, or those of the SQL", async () => {
  write("a.b.csv", ["id,x", "0,1"]);
  for (const [from, name] of [
    ["'@/a.b.csv'", "a"],
    ["'@/a.b.csv' AS t", "t"],
    ["'@/a.b.csv' AS t(id, x)", "t"],
    ['"@/a"."b"."csv"', "a"],
    ["read_csv('@/a.b.csv')", "read_csv"],
    ["read_csv('@/a.b.csv') r(id, x)", "r"],
    ["(FROM '@/a.b.csv') AS s", "s"],
    ["'@/a.[bc].csv'", '"@/a.[bc].csv"'],
  ])
    expect(await rowsOf(`SELECT ${name}.x + 1 AS y FROM source JOIN ${from} USING (id)`), from).toEqual([
      ["2"],
    ]);
});

it("the rest of the SQL is as it was", async () => {
  write("one.csv", ["id,x", "0,1"]);
  const list =
    "12345678901234567890123 AS a, 1e300 AS b, 170141183460469231731687303715884105727 AS c, 0.1::FLOAT AS d, " +
    "'it''s\n' AS e, [v for v in [1, 2] if v > 1] AS f, {'a b': -9223372036854775808} AS g, 1.123456789012345678 AS h, " +
    "(SELECT count(*) FROM (SUMMARIZE FROM '@/one.csv')) AS i";
  const plain = await duck.rows(inFolder(`SELECT ${list}`), "test");
  expect(await rowsOf(`SELECT ${list} FROM source JOIN '@/one.csv' USING (id);`)).toEqual(plain);
});

describe("options of read_csv", () => {
  it.each([
    ["delim = ';'", ["id;x", "0;1,5"], "x", "1,5"],
    ["sep = ';'", ["id;x", "0;1.5"], "x + 1", "2.5"],
    ["header = false, names = ['id', 'x']", ["0,1"], "x + 1", "2"],
    ["header := false, columns := {'id': 'VARCHAR', 'x': 'VARCHAR'}", ["0,1"], "x || '!'", "1!"],
    ["types = {'x': 'VARCHAR'}", ["id,x", "0,1"], "x || '!'", "1!"],
    ["skip = 1, auto_detect = true", ["# a comment", "id,x", "0,1"], "x + 1", "2"],
    ["encoding = 'utf-8'", ["id,x", "0,é"], "x", "é"],
  ])("%s", async (options, lines, computed, expected) => {
    write("options.csv", lines);
    const from = `read_csv('@/options.csv', ${options})`;
    const [[value]] = await rowsOf(`SELECT ${computed} AS y FROM source JOIN ${from} USING (id) ORDER BY id`);
    expect(value).toBe(expected);
  });

  it.each([
    ["'@/h.csv'", ["0,1", "1,2"]],
    ["read_csv('@/h.csv', delim = ';')", ["0;1", "1;2"]],
    ["read_csv('@/h.csv', names = ['id', 'x'])", ["id,x", "0,1"]],
    ["read_csv('@/h.csv', columns = {'id': 'VARCHAR', 'x': 'VARCHAR'})", ["id,x", "0,1"]],
  ])("ask whether %s has a line of names", async (from, lines) => {
    write("h.csv", lines);
    await expect(rowsOf(`SELECT * FROM source, ${from} AS t(id, x)`)).rejects.toThrow(
      "it is not clear whether a file that the SQL reads begins with a line of names",
    );
  });

  it("are refused where sources do not have them", async () => {
    write("options.csv", ["id,x", "0,1"]);
    const reading = (options: string) =>
      rowsOf(`SELECT * FROM source JOIN read_csv('@/options.csv', ${options}) USING (id)`);
    await expect(reading("quote = '|'")).rejects.toThrow(
      "data.source.sql: an option of read_csv() is not one of those with which the SQL of a source reads files\n  got:      quote\n",
    );
    await expect(reading("nullstr = 'NA'")).rejects.toThrow("next:     Set nullValues of the source");
    await expect(reading("delimter = ';'")).rejects.toThrow("next:     Write delimiter.");
    await expect(reading("separator = ';'")).rejects.toThrow("next:     Write delim for the separator");
    await expect(reading("header = 3")).rejects.toThrow(
      /data.source.sql, header: an option of a file .*\n +got: +3/,
    );
    await expect(reading("delim = lower('X')")).rejects.toThrow(
      "the option delim of read_csv() is no constant",
    );
    await expect(reading("types = {'x': DOUBLE}")).rejects.toThrow(
      "the option types of read_csv() is no constant",
    );
    await expect(reading("header = NULL")).rejects.toThrow("the option header of read_csv() is no constant");
    await expect(reading("encoding = 'shift-jis'")).rejects.toThrow(/data.source.sql, encoding/);
  });
});

it.each(["SUMMARIZE", "DESCRIBE", "TABLE"])(
  "%s takes a SELECT in place of the name of a file",
  async (word) => {
    await expect(rowsOf(`SELECT * FROM (${word} '@/keys.csv')`)).rejects.toThrow(/Write FROM 'items.csv'/);
  },
);

it("names of WITH are not those of files", async () => {
  const sql = 'WITH "@/keys.csv" AS (FROM \'@/keys.csv\') SELECT * FROM source JOIN "@/keys.csv" USING (id)';
  await expect(rowsOf(sql)).rejects.toThrow("a name of WITH could also be that of a file");
});

it("the texts of a joined file have the rules of the source", async () => {
  write("prices.csv", ["id,x", '0,"1,5"', `${ROWS},NA`]);
  const sql = "SELECT coalesce(x * 2, -1) AS y FROM source JOIN '@/prices.csv' USING (id) ORDER BY y";
  expect(await rowsOf(sql, { decimal: ",", nullValues: ["NA"] })).toEqual([["-1.0"], ["3.0"]]);
});

it.each([
  ["a stray quote", ["id,x", '0,"1"2', "1,2"], "line 2"],
  ["a row with more fields", ["id,x", "0,1", "1,2,3"], "line 3"],
])("%s in a joined file stops the run", async (_, lines, place) => {
  write("bad.csv", lines);
  await expect(rowsOf("SELECT * FROM source JOIN '@/bad.csv' USING (id)")).rejects.toThrow(
    new RegExp(
      `a table besides that of the rows has rows that cannot be read[\\s\\S]*1 malformed rows[\\s\\S]*${place}`,
    ),
  );
});

it("a word among the numbers of a feature stops the run, too", async () => {
  write("words.csv", ["id,x", "0,1", "1,2", "2,one"]);
  const sql = "SELECT x + 1 AS x FROM source JOIN '@/words.csv' USING (id)";
  await expect(rowsOf(sql, { wants: { x: "number" } })).rejects.toThrow(/words\.csv, line 4/);
});
