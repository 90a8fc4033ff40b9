import { expect, it } from "vitest";
import { dataSchema } from "../data/data-config.js";
import { sqlWithoutLabel } from "./sql-without-label.js";

const without = (sql: string, more = {}) =>
  sqlWithoutLabel(dataSchema.parse({ train: { path: "rows.csv", sql }, label: "y", ...more }));

it.each([
  ["SELECT a, b > 1 AS y FROM source", 'SELECT a FROM "source"'],
  ["SELECT *, b > 1 AS y FROM source", 'SELECT * FROM "source"'],
  ["SELECT a, y FROM source WHERE a > 1", 'SELECT a FROM "source" WHERE (a > 1)'],
  ["SELECT * REPLACE (y = 'it''s' AS y) FROM source WHERE y IS NOT NULL", 'SELECT * FROM "source"'],
  ["SELECT * REPLACE (a + 1 AS a, y = 2 AS y) FROM source", 'SELECT * REPLACE ((a + 1) AS a) FROM "source"'],
  ["SELECT * FROM source WHERE y IN (0, 1)", 'SELECT * FROM "source"'],
  // `b` is known only with the label; `a` is read by the model too.
  ["SELECT a, b > a AS y FROM source WHERE a > 0 AND b > 0", 'SELECT a FROM "source" WHERE (a > 0)'],
  // Integers beyond those of JavaScript, and what DuckDB's tree has such integers for.
  ...[
    ["u + 12345678901234567", "(u + 12345678901234567)"],
    ["u > 9007199254740993", "(u > 9007199254740993)"],
    ["u + 18446744073709551615", "(u + 18446744073709551615)"],
    ["u - 170141183460469231731687303715884105", "(u - 170141183460469231731687303715884105)"],
    ["coalesce(x, -1)", "COALESCE(x, -1)"],
    ["x * 0.1", "(x * 0.1)"],
    ["concat(x, '12345678901234567')", "concat(x, '12345678901234567')"],
  ].map(([value, text]): [string, string] => [
    `SELECT y, ${value} AS a FROM source WHERE u <> 9007199254740993`,
    `SELECT ${text} AS a FROM "source" WHERE (u != 9007199254740993)`,
  ]),
])("%s becomes %s", async (sql, expected) => expect(await without(sql)).toBe(expected));

it("leaves out the weight", async () => {
  expect(await without("SELECT a, y, 2 * c AS w FROM source", { weight: "w" })).toBe(
    'SELECT a FROM "source"',
  );
});

it.each(["SELECT * FROM source", "SELECT a, upper(b) AS b FROM source WHERE a > 1"])(
  "%s does for rows without a label",
  async (sql) => expect(await without(sql)).toBeUndefined(),
);

it.each([
  "mp['k1']",
  "ls[1].id",
  "[x, u][1]",
  "{'p': x}.p",
  "ls[2:3]",
  "[q + 1 for q in ls]",
  "list_transform(ls, lambda q: q)",
])("of %s is SQL that DuckDB reads as the same", async (value) => {
  const text = await without(`SELECT y, ${value} AS a FROM source`);
  expect(text).toMatch(/^SELECT .* AS a FROM "source"$/);
  expect(await without(text!.replace("SELECT", "SELECT y,"))).toBe(text);
});
