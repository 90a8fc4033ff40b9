import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { featuresSchema } from "../../features/schema/features.js";
import { dataSchema, type SourceInput } from "../data-config.js";
import { prepareData } from "../prepare.js";
import { Duck, quoteText } from "./duckdb.js";
import { repeatedNames } from "./repeated-names.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-names-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, content: string): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

/** The words of the column. */
async function words(source: SourceInput, column: string): Promise<readonly string[]> {
  const data = dataSchema.parse({ train: source, label: "y", cacheDir: mkdtempSync(join(folder, "cache-")) });
  const features = featuresSchema.parse([{ kind: "id", name: "f", column, vocabulary: {} }]);
  return (await prepareData({ data, features })).features.vocabularies.f;
}

it("are those that SQL cannot tell apart", () => {
  const names = fc.array(fc.constantFrom("a", "A", "b", "ab", "aB", ""), { maxLength: 6 });
  fc.assert(
    fc.property(names, (list) => {
      const isRepeated = (name: string, i: number) =>
        list.some((other, j) => j !== i && other.toLowerCase() === name.toLowerCase());
      expect(repeatedNames(list)).toEqual(list.filter(isRepeated));
    }),
  );
});

describe("columns of a text file with the same name", () => {
  it.each(["a", "A", "a_1"])("stop the run if a feature reads %s, and else do nothing", async (column) => {
    const path = write("same.csv", "a,y,A,b\nx,1,z,v\n");
    const stop = column === "a_1" ? "has no such column" : "several columns have the name a";
    await expect(words({ path }, column)).rejects.toThrow(stop);
    expect(await words({ path }, "b")).toEqual(["v"]);
    expect(await words({ path, columns: ["a", "y", "c", "b"], header: true }, "c")).toEqual(["z"]);
  });

  it("stop the run if it is the label, sql reads it, or types has it", async () => {
    const path = write("label.csv", "b,y,y,a\nv,1,0,w\n");
    await expect(words({ path }, "b")).rejects.toThrow(`column 2 (y) of ${path}, column 3 (y) of ${path}`);
    const twice = write("twice.csv", "b,y,a,a\nv,1,0,w\n");
    await expect(words({ path: twice, sql: 'SELECT b, y, "A" AS c FROM source' }, "b")).rejects.toThrow(
      "several columns have the name a",
    );
    await expect(words({ path: twice, types: { a: "VARCHAR" } }, "b")).rejects.toThrow("the name a");
    expect(await words({ path: twice, sql: "SELECT * FROM source" }, "b")).toEqual(["v"]);
  });

  it("are those of all files with union", async () => {
    const path = [write("one.csv", "a,y,b\nx,1,v\n"), write("two.csv", "A,y,b\nx,1,w\n")];
    await expect(words({ path, union: true }, "a")).rejects.toThrow(
      `column 1 (a) of ${path[0]}, column 1 (A) of ${path[1]}`,
    );
    expect(await words({ path, union: true }, "b")).toEqual(["v", "w"]);
  });
});

describe("columns of a JSON file with names that differ in capitals", () => {
  it.each([
    ["in one object", '{"a":"x","y":1,"A":"z","b":"v"}\n'],
    ["in several objects", '{"a":"x","y":1,"b":"v"}\n{"A":"x","y":1,"b":"v"}\n'],
    ["in one array", '[{"A":"x","y":1,"b":"v","A_1":3,"a":2}]'],
  ])("stop the run if something reads one of them: %s", async (_, content) => {
    const path = write("same.json", content);
    for (const column of ["a", "A"])
      await expect(words({ path }, column)).rejects.toThrow(
        /several columns have the name [aA][\s\S]*A in .*same.json, a in /,
      );
    await expect(words({ path }, "A_2")).rejects.toThrow("has no such column");
    await expect(words({ path, sql: "SELECT b, y, A AS c FROM source" }, "c")).rejects.toThrow(
      "several columns",
    );
    expect(await words({ path }, "b")).toEqual(["v"]);
    expect(await words({ path, sql: "SELECT * FROM source" }, "b")).toEqual(["v"]);
  });

  it("are read if only the numbers at their ends differ", async () => {
    expect(await words({ path: write("numbers.json", '{"a":"x","y":1,"a_1":"z"}') }, "a_1")).toEqual(["z"]);
  });

  it("stop the run if JavaScript rows have them", async () => {
    await expect(words({ rows: [{ a: "x", A: "z", y: 1 }] }, "a")).rejects.toThrow(
      "several columns have the name",
    );
  });
});

describe("columns of a Parquet file with names that differ in capitals", () => {
  /** DuckDB writes no such file: a column `?` is called by another name afterwards. */
  async function parquet(name: string, select: string, from: string, to: string): Promise<string> {
    const path = join(folder, name);
    const duck = await Duck.open("");
    await duck.run(`COPY (${select}) TO ${quoteText(path)} (FORMAT parquet)`, "test");
    duck.close();
    const bytes = readFileSync(path).toString("latin1");
    writeFileSync(path, Buffer.from(bytes.replaceAll(from, to), "latin1"));
    return path;
  }
  const SELECT = "SELECT {k: 1, m: [2]} AS s, 'x' AS aaaa, 1 AS y, 'z' AS qqqq, 'v' AS b";

  it("stop the run if something reads one of them", async () => {
    const path = await parquet("same.parquet", SELECT, "qqqq", "AAAA");
    for (const column of ["aaaa", "AAAA"])
      await expect(words({ path }, column)).rejects.toThrow(
        /several columns have the name a{4}[\s\S]*aaaa in .*, AAAA in .*same/,
      );
    await expect(words({ path }, "AAAA_1")).rejects.toThrow("has no such column");
    expect(await words({ path }, "b")).toEqual(["v"]);
    expect(await words({ path, sql: "SELECT * FROM source" }, "b")).toEqual(["v"]);
  });

  it("stop the run if files with union have them", async () => {
    const one = await parquet("one.parquet", "SELECT 'x' AS aaaa, 1 AS y, 'v' AS b", "-", "-");
    const two = await parquet("two.parquet", "SELECT 'x' AS AAAA, 1 AS y, 'w' AS b", "-", "-");
    const source = { path: [one, two], union: true };
    await expect(words(source, "aaaa")).rejects.toThrow("several columns have the name aaaa");
    expect(await words(source, "b")).toEqual(["v", "w"]);
  });
});

describe("columns of sql with the same name", () => {
  it.each([
    ["SELECT *, upper(a) AS a FROM source", "SELECT * REPLACE (upper(a) AS a) FROM source"],
    ["WITH s AS (FROM source) SELECT *, upper(a) AS A FROM s;", "SELECT y, upper(a) AS a FROM source"],
    [
      "SELECT * FROM source s JOIN (SELECT 'x' AS a, 'X' AS c) t ON s.a = t.a",
      "SELECT * EXCLUDE (a), upper(a) AS a FROM source JOIN (SELECT 'x' AS a, 'X' AS c) USING (a)",
    ],
  ])("stop the run: %s", async (sql, right) => {
    const path = write("sql.csv", "a,y\nx,1\n");
    await expect(words({ path, sql }, "a")).rejects.toThrow("the sql gives several columns the name a");
    expect(await words({ path, sql: right }, "a")).toEqual(["X"]);
  });

  it("do nothing if nothing reads them", async () => {
    const path = write("unread.csv", "a,y,b\nx,1,v\n");
    expect(await words({ path, sql: "SELECT *, 1 AS a FROM source" }, "b")).toEqual(["v"]);
  });
});
