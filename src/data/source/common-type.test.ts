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

it.each([
  [
    "{'a': 3, 'b': 'x'}",
    "STRUCT(a INTEGER, b VARCHAR)",
    "STRUCT(b VARCHAR, a BIGINT)",
    "STRUCT(a BIGINT, b VARCHAR)",
  ],
  ["{'a': 3}", "STRUCT(a INTEGER)", "STRUCT(b DATE)", "STRUCT(a INTEGER, b DATE)"],
  ["NULL", "STRUCT(a INTEGER)", "STRUCT(a DOUBLE)", "STRUCT(a DOUBLE)"],
  [
    "[{'a b': [1]}, NULL]",
    'STRUCT("a b" TINYINT[])[]',
    'STRUCT("a b" INTEGER[])[]',
    'STRUCT("a b" INTEGER[])[]',
  ],
])("%s: %s and then %s are %s", async (value, from, other, common) => {
  expect(commonType(from, other)).toBe(common);
  const wide = widenedSql(`CAST(${value} AS ${from})`, from, common);
  const [[type, text]] = await duck.rows(`SELECT typeof(${wide}), CAST(${wide} AS VARCHAR)`, "test");
  const expected = value.replace("'x'", "x").replaceAll("'a b'", "'a b'");
  expect(type).toBe(common);
  expect(text).toBe(value === "NULL" ? null : common.includes("DATE") ? "{'a': 3, 'b': NULL}" : expected);
});

it("structs of fields without a common type have none, and a changed field is found", async () => {
  expect(commonType("STRUCT(a INTEGER, b DATE)", "STRUCT(a VARCHAR)")).toBeUndefined();
  expect(commonType("STRUCT(a INTEGER)", "STRUCT(A INTEGER)")).toBeUndefined();
  const value = "CAST({'a': 9007199254740993, 'b': 1} AS STRUCT(a BIGINT, b BIGINT))";
  const changed = changedSql(value, "STRUCT(a BIGINT, b BIGINT)", "STRUCT(a DOUBLE, b BIGINT)");
  expect(await duck.rows(`SELECT ${changed}`, "test")).toEqual([["9007199254740993"]]);
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
