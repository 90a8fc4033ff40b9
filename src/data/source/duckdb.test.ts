import { afterAll, beforeAll, expect, it } from "vitest";
import type { PairloomError } from "../../errors.js";
import { Duck, quoteText } from "./duckdb.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open("");
});
afterAll(() => duck.close());

async function reportOf(sql: string) {
  const error: PairloomError = await duck.rows(sql, "data.split.train").then(
    () => expect.unreachable(),
    (error) => error,
  );
  return error.report;
}

it("a message names the file of the source, not its copy", async () => {
  const text = `row 3 of ${duck.copies}/data/a b.csv.utf8, and of ${duck.copies}/data/c.csv.utf8`;
  const { got } = await reportOf(`SELECT error(${quoteText(text)})`);
  expect(got).toBe("Invalid Input Error: row 3 of /data/a b.csv, and of /data/c.csv");
});

it.each(["user % 10 < 8", "user + 1 < 8", "user < 8", "user BETWEEN 1 AND 8"])(
  "SQL that takes a text for a number says where to cast it, without a list of functions: %s",
  async (predicate) => {
    const select = (user: string) => `SELECT ${predicate.replace("user", user)} FROM (SELECT '1' AS user)`;
    const { got, next } = await reportOf(select('"user"'));
    expect(got).toMatch(/VARCHAR.*$/);
    expect(next).toMatch(
      /^Cast the column where the SQL computes with it[\s\S]* text \(VARCHAR\) if an id feature/,
    );
    expect(await duck.rows(select('CAST("user" AS BIGINT)'), "test")).toEqual([["true"]]);
  },
);
