import { afterAll, beforeAll, expect, it } from "vitest";
import { Duck } from "./duckdb.js";
import { refuseUnrepeatable } from "./repeatable-sql.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open("");
});
afterAll(() => duck.close());

const refuse = (sql: string, columns?: string[]) => refuseUnrepeatable(duck, sql, "data.source.sql", columns);

it.each([
  ["SELECT *, random() AS r FROM source", "random()"],
  ["SELECT *, RANDOM() < 0.5 AS r FROM source", "random()"],
  ["SELECT * FROM source ORDER BY uuid()", "uuid()"],
  ["SELECT * FROM (SELECT gen_random_uuid() AS u, * FROM source)", "gen_random_uuid()"],
  ["WITH a AS (SELECT x + random() AS x FROM source) SELECT * FROM a", "random()"],
  ["SELECT * FROM source WHERE date < now()", "now()"],
  ["SELECT * FROM source WHERE date < today()", "today()"],
  ["SELECT * FROM source WHERE date < current_date", "current_date"],
  ["SELECT * FROM source WHERE date < CURRENT_TIMESTAMP", "CURRENT_TIMESTAMP"],
  ["SELECT age(date) AS a FROM source", "age()"],
  ["SELECT *, current_localtimestamp() AS t FROM source", "current_localtimestamp()"],
  ["SELECT * FROM source WHERE time < current_localtime()", "current_localtime()"],
  ["SELECT * FROM source WHERE date > ago(INTERVAL 1 DAY)", "ago()"],
  ["SELECT reservoir_quantile(x, 0.5) AS x FROM source", "reservoir_quantile()"],
  ["SELECT * FROM query('SELECT random() AS x')", "query()"],
  ["SELECT * FROM source, duckdb_memory()", "duckdb_memory()"],
  ["SELECT *, current_setting('threads')::INT AS x FROM source", "current_setting()"],
  ["SELECT * FROM source USING SAMPLE 10%", "a sample"],
  ["SELECT * FROM source TABLESAMPLE reservoir(10 ROWS)", "a sample"],
  ["SELECT * FROM (SELECT * FROM source USING SAMPLE 5 ROWS) JOIN source USING (id)", "a sample"],
])("refuses %s", async (sql, got) => {
  await expect(refuse(sql)).rejects.toThrow(
    `data.source.sql: the SQL gives other rows each time it runs\n  got:      ${got}`,
  );
});

it.each([
  "SELECT *, hash(user) % 10 AS part, md5_number_lower(user) AS m FROM source",
  "SELECT age(a, b) AS a, date - DATE '2020-01-01' AS d FROM source",
  "SELECT CASE WHEN x < 0 THEN error('negative') ELSE x END AS x FROM source",
  "SELECT 'now()' AS t, \"random\" FROM source -- random()",
])("takes %s", async (sql) => {
  await refuse(sql);
});

it("takes a column that has the name of the date of today, and leaves bad SQL to the query", async () => {
  await refuse("SELECT current_date FROM source", ["current_date"]);
  await refuse("SELECT FROM WHERE");
});

/** A name as an expression without arguments: a function, or a keyword that reads the clock. */
const FORMS = (name: string) => [`"${name}"()`, name];

const CLOCK_TYPE = /^(DATE|TIME)/;

it("refuses every function and keyword without arguments that gives a time or another value each time", async () => {
  const sql = `SELECT DISTINCT function_name FROM duckdb_functions() WHERE function_type IN ('scalar', 'macro')
      AND regexp_full_match(function_name, '[a-z_0-9]+') AND function_name NOT IN ('error', 'write_log')
    UNION SELECT keyword_name FROM duckdb_keywords() UNION VALUES ('localtime'), ('localtimestamp')`;
  const names = (await duck.rows(sql, "test")).map(([name]) => name as string);
  const changing: string[] = [];
  for (const call of names.flatMap(FORMS)) {
    const read = () => duck.rows(`SELECT typeof(x), x::VARCHAR FROM (SELECT ${call} AS x)`, "test");
    const first = await read().catch(() => undefined);
    if (!first) continue;
    const [[type, value]] = first;
    if (CLOCK_TYPE.test(type ?? "") || (await read())[0][1] !== value) changing.push(call);
  }
  expect(changing).toEqual(expect.arrayContaining(["localtime", "current_date", '"uuid"()', '"today"()']));
  for (const call of changing)
    await expect(refuse(`SELECT ${call} AS x FROM source`), call).rejects.toThrow("gives other rows");
});

it("refuses every macro whose definition it refuses", async () => {
  const sql = `SELECT DISTINCT function_name, macro_definition FROM duckdb_functions() WHERE function_type = 'macro'`;
  const isRefused = (select: string) =>
    refuse(select).then(
      () => false,
      () => true,
    );
  const taken: string[] = [];
  for (const [name, definition] of await duck.rows(sql, "test"))
    if ((await isRefused(`SELECT ${definition}`)) && !(await isRefused(`SELECT "${name}"(x)`)))
      taken.push(`${name}: ${definition}`);
  expect(taken).toEqual([]);
});
