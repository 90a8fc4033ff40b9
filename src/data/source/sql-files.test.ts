import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, relative } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema, sourceSchema } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { Duck } from "./duckdb.js";
import { openSource } from "./source.js";
import { sqlFiles } from "./sql-files.js";

let folder: string;
let duck: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-sql-files-"));
  mkdirSync(join(folder, "many"));
  for (const name of ["source.csv", "a.csv", "b.csv", "many/1.csv", "many/2.csv"])
    writeFileSync(join(folder, name), "label,x\n0,1\n1,2\n");
  duck = await Duck.open("");
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

/** In SQL, `@` stands for the folder. */
const inFolder = (sql: string) => sql.replaceAll("@", folder);
const filesOf = (sql: string) => sqlFiles(duck, inFolder(sql), "data.source.sql");

it.each([
  ["SELECT * FROM source", []],
  ["SELECT * FROM SOURCE s, range(3) r(i), unnest(s.l) u, (VALUES (1)) v", []],
  ["WITH a AS (SELECT * FROM source) SELECT * FROM A", []],
  ["WITH RECURSIVE a AS (SELECT 1 AS x UNION ALL SELECT x + 1 FROM a WHERE x < 3) SELECT * FROM a", []],
  ["SELECT * FROM source JOIN '@/a.csv' USING (x)", ["a.csv"]],
  ['SELECT * FROM source JOIN "@/a"."csv" USING (x)', ["a.csv"]],
  [
    "SELECT * FROM (SELECT * FROM source) WHERE x IN (SELECT x FROM read_csv('@/a.csv', header = true))",
    ["a.csv"],
  ],
  ["SELECT *, (SELECT max(x) FROM '@/a.csv') AS m FROM source", ["a.csv"]],
  ["WITH b AS (FROM '@/b.csv') SELECT * FROM source JOIN b USING (x)", ["b.csv"]],
  ['WITH "@/b.csv" AS (SELECT * FROM "@/b.csv") SELECT * FROM source JOIN "@/b.csv" USING (x)', ["b.csv"]],
  ["SELECT * FROM source UNION ALL SELECT * FROM read_csv_auto(['@/b.csv', '@/a.csv'])", ["a.csv", "b.csv"]],
  ["SELECT * FROM source JOIN '@/many/*.csv' USING (x)", ["many/1.csv", "many/2.csv"]],
  ["SELECT * FROM source, glob('@/m*/2.csv')", ["many/2.csv"]],
  ["SELECT *, (SELECT content FROM read_text('@/a.csv')) AS t FROM source", ["a.csv"]],
  ["SELECT * FROM source, (SUMMARIZE FROM '@/a.csv')", ["a.csv"]],
  ["SELECT * FROM source SEMI JOIN read_json('@/none.json') USING (x)", []],
  ["SELECT FROM WHERE", []],
])("finds the files of %s", async (sql, files) => {
  expect((await filesOf(sql)).map((file) => relative(folder, file))).toEqual(files);
});

it.each([
  ["SELECT * FROM source JOIN 'https://example.com/a.csv' USING (x)", "https://example.com/a.csv"],
  ["SELECT * FROM source JOIN read_parquet('s3://bucket/*.parquet') USING (x)", "s3://bucket/*.parquet"],
  ["SELECT * FROM source, read_csv('@/' || 'a.csv')", "read_csv() of a path that is computed"],
  ["SELECT * FROM source, read_csv(['@/a.csv', lower('B')])", "read_csv() of a path that is computed"],
  ["SELECT * FROM source, query_table('@/a.csv')", "query_table()"],
  ["SELECT * FROM source, duckdb_settings()", "duckdb_settings()"],
  ["SELECT * FROM source, duckdb_tables", "duckdb_tables, which is no file"],
  ["SELECT * FROM source, information_schema.tables", "information_schema.tables, which is no file"],
  ["SELECT * FROM source, other.main.items", "other.main.items, which is no file"],
  ["SELECT * FROM source, '@/c.csv'", "@/c.csv, which is no file"],
  ["SELECT * FROM source, read_csv('@/many')", "@/many, which is no file"],
  ["SELECT * FROM source, (SHOW TABLES)", "SHOW"],
])("refuses %s", async (sql, got) => {
  await expect(filesOf(sql)).rejects.toThrow(
    `data.source.sql: the SQL reads something whose changes cannot be seen\n  got:      ${inFolder(got)}\n`,
  );
});

it("knows every table function: it computes, reads constant paths, or is refused", async () => {
  const sql = "SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type LIKE 'table%'";
  const taken: string[] = [];
  for (const [name] of await duck.rows(sql, "test"))
    if (
      await filesOf(`SELECT * FROM "${name}"(1)`).then(
        () => true,
        () => false,
      )
    )
      taken.push(name!);
  const computing = ["generate_series", "json_each", "json_tree", "range", "repeat", "repeat_row", "unnest"];
  expect(computing).toEqual(expect.arrayContaining(taken));
  expect(taken).toContain("range");
});

/** The values of x that are packed, and whether an earlier run packed them. */
async function packed(data: Omit<DataInput, "label">) {
  const parsed = dataSchema.parse({ ...data, label: "label", cacheDir: join(folder, "cache") });
  const features = featuresSchema.parse([{ kind: "number", name: "z" }]);
  const { splits, fromCache } = await prepareData({ data: parsed, features });
  const column = splits.train.columns.get("z")!;
  if (column.kind !== "number") expect.unreachable();
  const values = Array.from(
    { length: splits.train.rows },
    (_, r) => column.data[column.offset + r * column.stride],
  );
  return { values, fromCache };
}

it.each(["FROM '@/z*.csv'", "FROM read_csv('@/z.csv')", "FROM read_csv(['@/z.csv'])"])(
  "packs again after a file of %s has changed",
  async (from) => {
    const sql = inFolder(`SELECT label, z FROM source JOIN (SELECT * ${from}) USING (x)`);
    const data = { train: { path: join(folder, "source.csv"), sql } };
    writeFileSync(join(folder, "z.csv"), "x,z\n1,10\n2,20\n");
    expect(await packed(data)).toEqual({ values: [10, 20], fromCache: false });
    expect(await packed(data)).toEqual({ values: [10, 20], fromCache: true });
    writeFileSync(join(folder, "z.csv"), "x,z\n1,111\n2,211\n");
    expect(await packed(data)).toEqual({ values: [111, 211], fromCache: false });
  },
);

it("packs rows of JavaScript again after a file that sql joins has changed", async () => {
  const sql = inFolder("SELECT label, z FROM source JOIN '@/r.csv' USING (x)");
  const data = {
    train: {
      rows: [
        { label: 0, x: 1 },
        { label: 1, x: 2 },
      ],
      sql,
    },
  };
  writeFileSync(join(folder, "r.csv"), "x,z\n1,10\n2,20\n");
  expect((await packed(data)).values).toEqual([10, 20]);
  writeFileSync(join(folder, "r.csv"), "x,z\n1,111\n2,211\n");
  expect((await packed(data)).values).toEqual([111, 211]);
});

it("packs again after a file that a predicate reads has changed", async () => {
  const source = { path: join(folder, "zs.csv") };
  writeFileSync(source.path, "label,z\n0,1\n1,2\n0,3\n1,4\n");
  const chosen = inFolder("z IN (SELECT z FROM '@/chosen.csv')");
  const split = { train: chosen, valid: `NOT ${chosen}` };
  writeFileSync(join(folder, "chosen.csv"), "z\n1\n2\n");
  expect((await packed({ source, split })).values).toEqual([1, 2]);
  writeFileSync(join(folder, "chosen.csv"), "z\n1\n2\n3\n");
  expect((await packed({ source, split })).values).toEqual([1, 2, 3]);
});

it("refuses such SQL of the data of predict and eval too", async () => {
  const config = sourceSchema.parse({
    path: join(folder, "source.csv"),
    sql: "SELECT * FROM source, duckdb_settings()",
  });
  const opened = openSource(duck, config, "the data", { wants: new Map(), sql: [] }, folder);
  await expect(opened).rejects.toThrow("the data.sql: the SQL reads something whose changes cannot be seen");
});
