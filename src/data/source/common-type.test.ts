import { afterAll, beforeAll, expect, it } from "vitest";
import { changedSql, commonType, widenedSql } from "./common-type.js";
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
  const wide = widenedSql(`CAST(${value} AS ${from})`, from, common);
  const sql = `SELECT typeof(${wide}), (${wide} IS NOT DISTINCT FROM CAST(${value} AS ${common}))::VARCHAR`;
  expect(await duck.rows(sql, "test")).toEqual([[common, "true"]]);
});

it("maps of values without a common type have none", () => {
  expect(commonType("MAP(VARCHAR, INTEGER)", "MAP(VARCHAR, VARCHAR)")).toBeUndefined();
});

it.each([
  ["BIGINT", "9007199254740993"],
  ["BIGINT[]", "[1, NULL, 9007199254740993]"],
  ["MAP(VARCHAR, BIGINT)", "MAP {'a': 1, 'b': 9007199254740993}"],
  ["MAP(BIGINT, INTEGER)", "MAP {9007199254740993: 1}"],
  ["DECIMAL(20,3)", "9007199254740.993"],
  ["DECIMAL(20,19)", "0.1234567890123456789"],
])("the value of a %s that a double would change is found: %s", async (from, value) => {
  const to = from.replace(/BIGINT|INTEGER|DECIMAL.*/g, "DOUBLE");
  const changed = (sql: string) => changedSql(`CAST(${sql} AS ${from})`, from, to);
  const [digits] = /\d[\d.]{14,}/.exec(value)!;
  const held = value.replace(digits, "3");
  const found = await duck.rows(`SELECT ${changed(value)}, ${changed(held)}, ${changed("NULL")}`, "test");
  expect(found).toEqual([[digits, null, null]]);
});

it("no value of a narrow type changes", () => {
  expect(changedSql("x", "INTEGER", "DOUBLE")).toBeUndefined();
  expect(changedSql("x", "INTEGER[]", "DOUBLE[]")).toBeUndefined();
  expect(changedSql("x", "BIGINT", "DECIMAL(20,1)")).toBeUndefined();
});
