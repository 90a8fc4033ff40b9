import { createHash } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { sourceSchema } from "../data-config.js";
import { Duck } from "./duckdb.js";
import { openSource } from "./source.js";

let folder: string;
let path: string;
let reference: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-order-"));
  path = join(folder, "rows.parquet");
  reference = await Duck.open(folder);
  await reference.run("SET threads = 1", "test");
  // Many row groups, so that several threads read them; every value of t occurs often.
  const columns = "i, i % 7 AS g, i % 11 AS t, sqrt(i) / 3 AS x, 'w' || i AS s";
  const copy = `COPY (SELECT ${columns} FROM range(60000) r(i)) TO '${path}' (FORMAT parquet, ROW_GROUP_SIZE 4096)`;
  await reference.run(copy, "test");
});
afterAll(() => {
  reference.close();
  rmSync(folder, { recursive: true, force: true });
});

/** The rows that training reads: other columns and filters in each query, on many threads if the source allows it. */
async function rowsOf(sql: string, columns: string, filter = "true"): Promise<(string | null)[][]> {
  const duck = await Duck.open(folder);
  try {
    await duck.run("SET threads = 8", "test");
    const config = sourceSchema.parse({ path, sql });
    const source = await openSource(duck, config, "source", { wants: new Map(), sql: [] }, folder);
    return await duck.rows(`SELECT ${columns} FROM (${source.select()}) WHERE ${filter}`, "test");
  } finally {
    duck.close();
  }
}

/** Aggregates of the catalogue that take one number or text and may be called. */
async function aggregates(): Promise<string[]> {
  const sql = `SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type = 'aggregate'
    AND regexp_full_match(function_name, '[a-z_0-9]+') ORDER BY 1`;
  const called: string[] = [];
  for (const [name] of await reference.rows(sql, "test"))
    for (const list of ["x", "s", "i", "s, t", "x, t", "s, ','"]) {
      const call = `${name}(${list})`;
      const works = await reference.rows(`SELECT ${call} FROM '${path}' LIMIT 1`, "test").then(
        () => true,
        () => false,
      );
      if (works && !/approx|reservoir|histogram|geometr|_exact|sketch|entropy|mode/.test(call))
        called.push(call);
    }
  return called;
}

it("every aggregate of the catalogue gives the same value on many threads, for the rows in the order of the file", async () => {
  const calls = await aggregates();
  expect(calls).toEqual(
    expect.arrayContaining(["first(s)", "list(x)", "arg_max(s, t)", "sum(x)", "any_value(s)"]),
  );
  const values = calls.map((call, i) => `hash(${call})::VARCHAR AS v${i}`);
  const sql = `SELECT g, ${values.join(", ")} FROM source GROUP BY g`;
  const expected = await reference.rows(`WITH source AS (FROM '${path}') ${sql}`, "test");
  expect(await rowsOf(sql, "*")).toEqual(expected);
});

it("the first and the list of a group are those of the file", async () => {
  const rows = await rowsOf(
    "SELECT g, first(i) AS f, list(i)[3] AS l, any_value(i) AS a, arg_max(i, t) AS m FROM source GROUP BY g",
    "*",
    "g = 3",
  );
  expect(rows).toEqual([["3", "3", "17", "3", "10"]]);
});

it.each([
  "SELECT * FROM source LIMIT 1000 OFFSET 30000",
  "SELECT *, row_number() OVER () AS n FROM source",
  "SELECT *, row_number() OVER (PARTITION BY g) AS n FROM source",
  "SELECT *, row_number() OVER (ORDER BY t) AS n FROM source",
  "SELECT *, lag(i) OVER (PARTITION BY g ORDER BY t) AS n FROM source",
  "SELECT *, sum(x) OVER (PARTITION BY t) AS n FROM source",
  "SELECT DISTINCT ON (g, t) * FROM source",
  "SELECT * FROM source ORDER BY t LIMIT 100",
  "SELECT s.*, l.n FROM source s JOIN (SELECT t, count(*) AS n FROM source GROUP BY t) l ON s.t = l.t LIMIT 5000",
])("gives the same rows in the same order, whatever a query reads of them: %s", async (sql) => {
  const all = await rowsOf(sql, "i, t, COLUMNS('^n$|^x$')");
  expect(all.length).toBeGreaterThan(0);
  expect(digest(await rowsOf(sql, "i, t"))).toBe(digest(all.map((row) => row.slice(0, 2))));
  const some = await rowsOf(sql, "i, t, COLUMNS('^n$|^x$')", "i % 3 = 0");
  expect(digest(some)).toBe(digest(all.filter(([i]) => Number(i) % 3 === 0)));
});

/** A difference of thousands of rows would take minutes to print. */
function digest(rows: readonly unknown[]): string {
  return createHash("sha256").update(JSON.stringify(rows)).digest("hex");
}
