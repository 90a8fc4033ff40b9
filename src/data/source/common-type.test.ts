import { afterAll, beforeAll, expect, it } from "vitest";
import { commonType, widenedSql } from "./common-type.js";
import { Duck } from "./duckdb.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open("");
});
afterAll(() => duck.close());

it.each([
  ["MAP {'a': 3, 'b': NULL}", "MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, DOUBLE)", "MAP(VARCHAR, DOUBLE)"],
  ["MAP {1: [2]}", "MAP(INTEGER, INTEGER[])", "MAP(BIGINT, DOUBLE[])", "MAP(BIGINT, DOUBLE[])"],
  ["NULL", "MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, BIGINT)", "MAP(VARCHAR, BIGINT)"],
  ["[1, NULL]", "INTEGER[]", "DOUBLE[]", "DOUBLE[]"],
])("%s: %s and %s are %s", async (value, from, other, common) => {
  expect([commonType(from, other), commonType(other, from)]).toEqual([common, common]);
  const wide = widenedSql(`CAST(${value} AS ${from})`, from, common, "a file");
  const sql = `SELECT typeof(${wide}), (${wide} IS NOT DISTINCT FROM CAST(${value} AS ${common}))::VARCHAR`;
  expect(await duck.rows(sql, "test")).toEqual([[common, "true"]]);
});

it("maps of values without a common type have none, and no digit of a value is lost", async () => {
  expect(commonType("MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, VARCHAR)")).toBeUndefined();
  const map = "MAP {'a': 9007199254740993}";
  const wide = widenedSql(map, "MAP(VARCHAR, BIGINT)", "MAP(VARCHAR, DOUBLE)", "a file");
  await expect(duck.rows(`SELECT ${wide}`, "test")).rejects.toThrow("does not hold exactly");
});
