import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Duck, quoteText } from "../data/source/duckdb.js";
import { canonicalCross, canonicalSql, canonicalText } from "./canonical.js";

describe("canonicalText", () => {
  it.each<[unknown, string | undefined | null]>([
    ["007", "007"],
    [" a ", " a "],
    ["", undefined],
    [null, undefined],
    [undefined, undefined],
    [Number.NaN, undefined],
    [Number.POSITIVE_INFINITY, undefined],
    [3, "3"],
    [3.0, "3"],
    [-0, "0"],
    [-17, "-17"],
    [0.1, "0.1"],
    [3.5, "3.5"],
    [1e-7, "1e-07"],
    [1.5e300, "1.5e+300"],
    [2 ** 62, "4611686018427387904"],
    [9007199254740993n, "9007199254740993"],
    [true, "true"],
    [new Date("2001-01-31T00:00:00Z"), "2001-01-31"],
    [new Date("2001-01-31T08:15:00Z"), "2001-01-31T08:15:00.000Z"],
    [new Date(Number.NaN), undefined],
    [{}, null],
    [["a"], null],
  ])("text %#", (value, expected) => {
    expect(canonicalText(value)).toBe(expected);
  });

  it("joins a cross with U+0001, missing parts empty", () => {
    expect(canonicalCross(["a", 2])).toBe("a\u00012");
    expect(canonicalCross([null, 2])).toBe("\u00012");
    expect(canonicalCross([null, ""])).toBeUndefined();
    expect(canonicalCross(["a", {}])).toBeNull();
  });
});

/** A column of a database and an array of JavaScript values must have the same text, or ids differ in serving. */
describe("canonicalSql", () => {
  let duck: Duck;
  beforeAll(async () => {
    duck = await Duck.open("");
  });
  afterAll(() => duck.close());

  async function sqlTexts(literals: string[], type: string): Promise<(string | undefined)[]> {
    const values = literals.map((literal, i) => `(${i}, CAST(${literal} AS ${type}))`).join(", ");
    const sql = `SELECT ${canonicalSql("x", type)} FROM (VALUES ${values}) AS t(i, x) ORDER BY i`;
    return (await duck.rows(sql, "test")).map(([text]) => text ?? undefined);
  }

  const doubleSql = (x: number) => quoteText(Number.isFinite(x) ? x.toExponential() : String(x));

  it.each<[string, fc.Arbitrary<unknown>, (x: never) => string]>([
    ["DOUBLE", fc.double(), doubleSql],
    ["DOUBLE", fc.double({ min: -1e-3, max: 1e-3 }), doubleSql],
    ["DOUBLE", fc.integer().map((x) => x / 8), doubleSql],
    ["BIGINT", fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }), (x: bigint) => quoteText(String(x))],
    ["INTEGER", fc.integer(), (x: number) => quoteText(String(x))],
    ["BOOLEAN", fc.boolean(), (x: boolean) => String(x)],
    ["VARCHAR", fc.string({ unit: "grapheme", minLength: 1 }).filter((s) => !s.includes("\0")), quoteText],
    [
      "TIMESTAMP",
      fc.date({ min: new Date("1900-01-01"), max: new Date("2100-01-01"), noInvalidDate: true }),
      (x: Date) => quoteText(x.toISOString().slice(0, -1)),
    ],
    [
      "DATE",
      fc.integer({ min: -20000, max: 40000 }).map((days) => new Date(days * 86_400_000)),
      (x: Date) => quoteText(x.toISOString().slice(0, 10)),
    ],
  ])("%s has the text of its JavaScript value", async (type, values, literal) => {
    const sample = fc.sample(values, 300);
    const texts = await sqlTexts(
      sample.map((value) => literal(value as never)),
      type,
    );
    expect(texts).toEqual(sample.map(canonicalText));
  });

  it("a FLOAT has the text of the decimal that a person wrote", async () => {
    expect(await sqlTexts(["0.1", "16777217", "2.5"], "FLOAT")).toEqual(["0.1", "16777216", "2.5"]);
  });

  it("a DECIMAL loses its trailing zeros", async () => {
    expect(await sqlTexts(["1.50", "3.00"], "DECIMAL(9,2)")).toEqual(["1.5", "3"]);
  });

  it("lists and structs cannot be ids", () => {
    expect(canonicalSql("x", "INTEGER[]")).toBeUndefined();
    expect(canonicalSql("x", "STRUCT(a INTEGER)")).toBeUndefined();
  });
});
