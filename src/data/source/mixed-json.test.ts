import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { BagColumn, IdColumn } from "../../columns/columns.js";
import { packRows } from "../../features/encoder.js";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema, sourceSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { scanSource } from "./scan.js";

/** A JSON column of several types has the same ids whether SQL names it or not, in training, in later files and in requests. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-mixed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const VALUES = ["7.0", '"a"', "7", '"7.0"', "1e3", "1E2", "-0.0", "1.50", "true", "null"];
const MIXED = VALUES.map((x, i) => `{"x":${x},"y":${i % 2},"k":${i}}`).join("\n");
const features = featuresSchema.parse([{ kind: "id", name: "x", column: "x", hash: 1000003 }]);

const idsOf = (column: unknown, rows: number) => {
  const { data, offset, stride } = column as IdColumn;
  return Array.from({ length: rows }, (_, r) => Number(data[offset + r * stride]));
};

it.each<[string, object]>([
  ["no sql", { train: {} }],
  ["a column named in sql", { train: { sql: "SELECT x, y FROM source" } }],
  ["all columns in sql", { train: { sql: "SELECT *, y * 2 AS z FROM source" } }],
  ["a predicate", { source: {}, split: { train: "x IS DISTINCT FROM 'b'" } }],
  [
    "a joined file",
    { train: { sql: "SELECT m.x, s.y FROM source s JOIN read_json('FILE') m USING (k) ORDER BY k" } },
  ],
])("with %s", async (_, sections) => {
  const file = join(folder, "mixed.jsonl");
  writeFileSync(file, MIXED);
  const text = JSON.stringify(sections).replace("FILE", file);
  const { train, source, ...others } = JSON.parse(text);
  const from = {
    ...(train && { train: { path: file, ...train } }),
    ...(source && { source: { path: file } }),
  };
  const data = dataSchema.parse({ label: "y", cacheDir: join(folder, "cache"), ...from, ...others });
  const { features: fitted, splits } = await prepareData({ data, features });
  const requests = packRows(
    fitted,
    VALUES.map((x) => ({ x: JSON.parse(x) })),
  );
  const expected = idsOf(requests.columns.get("x"), VALUES.length);
  expect(new Set(expected).size).toBe(VALUES.length - 1);
  expect(idsOf(splits.train.columns.get("x"), splits.train.rows)).toEqual(expected);
  const alone = join(folder, "alone.jsonl");
  writeFileSync(alone, '{"x":7.0,"y":1}\n');
  for await (const { columns } of scanSource(sourceSchema.parse({ path: alone }), fitted))
    expect(idsOf(columns.columns.get("x"), columns.rows)).toEqual(expected.slice(0, 1));
});

/** What `sql` reads: a JSON cell, and the column that SQL makes of it. */
const NESTED: readonly [cell: string, sql: string, types: string | undefined][] = [
  ['[VALUE, "a"]', "c[1]", undefined],
  ['[[VALUE], ["a"]]', "c[1][1]", undefined],
  ['{"p": VALUE, "q": ["a"]}', "c.p", undefined],
  ['[{"JSON": VALUE}, {"JSON": "a"}]', "c[1].JSON", undefined],
  ['{"a b": [VALUE, "a"]}', "c['a b'][1]", undefined],
  ['[VALUE, "a"]', "c[1]", "VARCHAR[]"],
  ['{"k": VALUE}', "c['k']", "MAP(VARCHAR, VARCHAR)"],
];

it.each(NESTED)("inside %s, read by %s, of type %s", async (cell, sql, type) => {
  const rows = [...VALUES.slice(0, -1), '"b"'];
  const lines = rows.map((x, i) => `{"c":${cell.replace("VALUE", x)},"y":${i % 2}}\n`);
  const [file, alone] = [join(folder, "nested.jsonl"), join(folder, "nested-alone.jsonl")];
  writeFileSync(file, lines.join(""));
  writeFileSync(alone, lines[0].replaceAll('"a"', "7.0"));
  const source = { sql: `SELECT ${sql} AS x, y FROM source`, ...(type && { types: { c: type } }) };
  const train = { path: file, ...source };
  const data = dataSchema.parse({ label: "y", cacheDir: join(folder, "cache"), train });
  const { features: fitted, splits } = await prepareData({ data, features });
  const requests = packRows(
    fitted,
    rows.map((x) => ({ x: JSON.parse(x) })),
  );
  const expected = idsOf(requests.columns.get("x"), rows.length);
  expect(idsOf(splits.train.columns.get("x"), splits.train.rows)).toEqual(expected);
  for await (const { columns } of scanSource(sourceSchema.parse({ path: alone, ...source }), fitted))
    expect(idsOf(columns.columns.get("x"), columns.rows)).toEqual(expected.slice(0, 1));
});

/** The ids of a column of one row each. */
async function idsOfColumn(lines: readonly string[], from: object, feature: object) {
  const file = join(folder, "nested.jsonl");
  writeFileSync(file, lines.join("\n"));
  const data = dataSchema.parse({
    ...{ train: { path: file, ...from }, label: "y" },
    cacheDir: join(folder, "cache"),
  });
  const { features, splits } = await prepareData({ data, features: featuresSchema.parse([feature]) });
  return { fitted: features, column: splits.train.columns.get("x")!, rows: splits.train.rows };
}

const listsOf = (column: unknown, rows: number) => {
  const { values, offsets } = column as BagColumn;
  const listOf = (r: number) => Array.from(values.slice(Number(offsets[r]), Number(offsets[r + 1])), Number);
  return Array.from({ length: rows }, (_, r) => listOf(r));
};

const BAG = { kind: "ids", name: "x", column: "x", hash: 1000003 };

it.each<[string, object]>([
  ["no sql", {}],
  ["sql that names it", { sql: "SELECT x, y FROM source" }],
  ["a type of the config", { types: { x: "VARCHAR[]" } }],
  ["both", { types: { x: "VARCHAR[]" }, sql: "SELECT x, y FROM source" }],
  ["the type of a text", { types: { x: "VARCHAR" } }],
])("numbers in mixed lists have their canonical texts with %s", async (_, from) => {
  const lists = ['[7.0,"a"]', '[7,"7.0",1e3,true,null,"2001-01-02"]', "[]", "[1e400,1]"];
  const lines = lists.map((x, i) => `{"x":${x},"y":${i % 2}}`);
  const { fitted, column, rows } = await idsOfColumn(lines, from, BAG);
  const later = [...lists, "[7.0]", "[7.5,1.0]", '["2001-01-02"]', "[true]", "null"];
  const requests = packRows(
    fitted,
    later.map((x) => ({ x: JSON.parse(x) })),
  );
  const expected = listsOf(requests.columns.get("x"), later.length);
  expect(expected[lists.length]).toEqual([expected[0][0]]);
  expect(listsOf(column, rows)).toEqual(expected.slice(0, lists.length));
  const alone = join(folder, "alone.jsonl");
  for (const [i, x] of later.entries()) {
    writeFileSync(alone, `{"x":${x},"y":0}\n`);
    const source = sourceSchema.parse({ path: alone, ...from });
    for await (const { columns } of scanSource(source, fitted))
      expect(listsOf(columns.columns.get("x"), columns.rows)).toEqual([expected[i]]);
  }
});

it("a list after a byte order mark is read, and refused by name beside lines", async () => {
  const [marked, lines] = [join(folder, "marked.json"), join(folder, "lines.jsonl")];
  writeFileSync(marked, `\ufeff [{"x":"a","y":0},{"x":"b","y":1}]`);
  writeFileSync(lines, `{"x":"a","y":0}\n{"x":"b","y":1}\n`);
  const read = async (path: string | string[]) => {
    const data = dataSchema.parse({ train: { path }, label: "y", cacheDir: join(folder, "cache") });
    const { train } = (await prepareData({ data, features })).splits;
    return idsOf(train.columns.get("x"), train.rows);
  };
  expect(await read(marked)).toEqual(await read(lines));
  await expect(read([lines, marked])).rejects.toThrow(/after a byte order mark[\s\S]*marked\.json/);
});

it.each([
  ["DOUBLE", ["7.0", 7], ["7.0", '"7"']],
  ["DATE", ["2001-1-2", "2001-01-02"], ['"2001-01-02"']],
  [
    "DOUBLE[]",
    [
      ["NaN", "1.0"],
      ["inf", 1],
    ],
    ['["NaN",1.0]', '["inf",1]'],
  ],
])(
  "a %s of the config has the type in requests, too, where sql does not name it",
  async (type, values, cells) => {
    const lines = cells.map((x, i) => `{"x":${x},"y":${i % 2}}`);
    const from = { types: { x: type }, sql: "SELECT * FROM source" };
    const isList = type.endsWith("[]");
    const feature = isList ? BAG : { kind: "id", name: "x", column: "x", hash: 1000003 };
    const { fitted, column, rows } = await idsOfColumn([...lines, '{"x":null,"y":1}'], from, feature);
    const requests = packRows(
      fitted,
      values.slice(0, cells.length).map((x) => ({ x })),
    );
    const read = isList ? listsOf : idsOf;
    expect(read(requests.columns.get("x"), cells.length)).toEqual(read(column, rows).slice(0, cells.length));
  },
);

/** A JSON cell of training, and cells in which some of its values are absent. */
const EMPTIES: readonly [full: string, ...empty: string[]][] = [
  ["[1, 2]", "[]", "[null]", "null"],
  ["[[1, 2], [3]]", "[]", "[[]]", "[null]", "[[null], []]", "[[4], []]"],
  ['{"k": 1, "t": "a"}', "{}", '{"k": null}', '{"k": null, "t": "b"}', '{"t": null, "k": 7}'],
  ['[{"k": 1.5, "l": [true]}]', "[]", '[{"k": null, "l": []}]', '[{"k": 2.5, "l": [null]}]', "[null]"],
];

it.each(EMPTIES)("%s, later with values that are absent, alone in a file", async (full, ...empties) => {
  const sql = "SELECT CAST(c AS VARCHAR) AS x, y FROM source";
  const lines = [full, ...empties].map((c) => `{"c":${c},"y":1}`);
  const { fitted, column, rows } = await idsOfColumn(lines, { sql, types: {} }, { ...BAG, kind: "id" });
  const path = join(folder, "empty-alone.jsonl");
  for (const [i, line] of lines.entries()) {
    writeFileSync(path, line);
    for await (const { columns } of scanSource(sourceSchema.parse({ path, sql }), fitted))
      if (columns.rows > 0) expect(idsOf(columns.columns.get("x"), 1)).toEqual([idsOf(column, rows)[i]]);
  }
  const other = full.replaceAll(/[\d.]+|true/g, '"other"');
  writeFileSync(path, `{"c":${other},"y":1}`);
  const scan = scanSource(sourceSchema.parse({ path, sql }), fitted);
  await expect(scan.next()).rejects.toThrow("does not have the type");
});
