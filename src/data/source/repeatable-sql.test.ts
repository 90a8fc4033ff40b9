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
