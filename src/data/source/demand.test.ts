import { expect, it } from "vitest";
import { namedInSql } from "./demand.js";

it.each([
  ["SELECT x + 1 AS k FROM source", "x"],
  ['SELECT "X" FROM source', "x"],
  ['SELECT "a""b" FROM source', 'a"b'],
  ['SELECT "zip code" FROM source', "zip code"],
  ["SELECT größe FROM source", "Größe"],
  ["SELECT COLUMNS('.*') FROM source", "x"],
  ["SELECT a || 'p' AS k FROM source AS s(y, a)", "x"],
  ["SELECT a || 'p' AS k FROM source s ( y, a )", "x"],
  ["SELECT a FROM (SELECT * FROM source) s(y, a)", "x"],
  ["WITH t(y, a) AS (SELECT * FROM source) SELECT a || 'p' FROM t", "x"],
  ['WITH t("the y", a) AS MATERIALIZED (SELECT * FROM source) SELECT a FROM t', "x"],
  ["SELECT md5(source::VARCHAR) FROM source", "x"],
  ["SELECT hash(source) FROM source", "x"],
])("%s may compute with %s", (sql, column) => {
  expect(namedInSql([sql])(column)).toBe(true);
});

it.each([
  ["SELECT * FROM source", "x"],
  ["SELECT * FROM source WHERE valid", "id"],
  ["SELECT CAST(a AS DECIMAL(10, 2)) AS b FROM source", "x"],
  ["SELECT * FROM source WHERE (a) IN (b, c) AND (d)", "x"],
  ["SELECT sum(a) OVER (w) FROM source WINDOW w AS (ORDER BY b)", "x"],
  ["SELECT source.a FROM source", "x"],
  ["SELECT * FROM source JOIN 'b.csv' USING (a)", "x"],
  ["SELECT * FROM source JOIN b ON (a)", "x"],
])("%s does not compute with %s", (sql, column) => {
  expect(namedInSql([sql])(column)).toBe(false);
});
