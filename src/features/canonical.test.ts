import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { Duck, quoteText } from "../data/source/duckdb.js";
import { canonicalCross, canonicalSql, canonicalText, refusalIn, refusalOfText } from "./canonical.js";
import { Refusal } from "./refusal.js";

describe("canonicalText", () => {
  it.each<[unknown, string | undefined]>([
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
    [Math.fround(0.1), "0.1"],
    [Math.fround(1e-7), "1e-07"],
    [2097152.25, "2097152.25"],
    [0.1 + 0.2, "0.30000000000000004"],
    [2 ** 53 - 1, "9007199254740991"],
    [9007199254740993n, "9007199254740993"],
    [true, "true"],
    [new Date("2001-01-31T00:00:00Z"), "2001-01-31"],
    [new Date("2001-01-31T08:15:00Z"), "2001-01-31T08:15:00.000Z"],
    [new Date(Number.NaN), undefined],
    [new Date("+012345-01-31T00:00:00Z"), "+012345-01-31"],
  ])("text %#", (value, expected) => {
    expect(canonicalText(value)).toBe(expected);
  });

  it("joins a cross with U+0001, missing parts empty", () => {
    expect(canonicalCross(["a", 2])).toBe("a\u00012");
    expect(canonicalCross([null, 2])).toBe("\u00012");
    expect(canonicalCross([null, ""])).toBeUndefined();
  });

  it.each<[unknown, number]>([
    [2 ** 53, Refusal.inexact],
    [-1.5e300, Refusal.inexact],
    [{}, Refusal.wrongType],
    [["a"], Refusal.wrongType],
  ])("stands for a refusal, alone and in a cross: %s", (value, code) => {
    const texts = [canonicalText(value)!, canonicalCross(["a", value])!];
    expect(texts.map(refusalOfText)).toEqual([code, code]);
    const bytes = Buffer.from(`a${texts[0]}`);
    expect(refusalIn(bytes, 1, 3)).toBe(code);
    expect(refusalIn(bytes, 0, 2)).toBe(0);
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

  it("a FLOAT has the text of the decimal that a person wrote, also after it became a DOUBLE", async () => {
    const decimals = ["0.1", "16777217", "2.5", "1e-7", "0.000123"];
    const texts = ["0.1", "16777216", "2.5", "1e-07", "0.000123"];
    expect(await sqlTexts(decimals, "FLOAT")).toEqual(texts);
    const widened = decimals.map((x) => `CAST(CAST(${x} AS FLOAT) AS DOUBLE)`);
    expect(await sqlTexts(widened, "DOUBLE")).toEqual(texts);
    expect(decimals.map((x) => canonicalText(Math.fround(Number(x))))).toEqual(texts);
  });

  it("every 32-bit float has one text, the powers of two included", async () => {
    const exponents = Array.from({ length: 200 }, (_, i) => 2 ** (i - 149));
    const near = exponents.flatMap((x) => [
      x,
      Math.fround(x * (1 + 2 ** -23)),
      Math.fround(x * (1 - 2 ** -24)),
    ]);
    const sample = [...near, ...fc.sample(fc.float({ noNaN: true, noDefaultInfinity: true }), 2000)];
    const texts = await sqlTexts(sample.map(doubleSql), "DOUBLE");
    expect(texts).toEqual(sample.map(canonicalText));
  });

  it("a DECIMAL loses its trailing zeros and no other digit", async () => {
    expect(await sqlTexts(["1.50", "3.00"], "DECIMAL(9,2)")).toEqual(["1.5", "3"]);
    const long = "12345678901234567890.1234567800";
    expect(await sqlTexts([long, "0.10", "100"], "DECIMAL(38,10)")).toEqual([
      long.slice(0, -2),
      "0.1",
      "100",
    ]);
    expect(await sqlTexts(["123456789012345678"], "DECIMAL(18,0)")).toEqual(["123456789012345678"]);
  });

  it("a DECIMAL of any number of digits has the text of a double if a double holds its digits", async () => {
    for (const precision of [1, 9, 15, 16, 18, 19, 37, 38])
      for (let scale = 1; scale <= precision; scale++) {
        const type = `DECIMAL(${precision},${scale})`;
        const least = `0.${"1".padStart(scale, "0")}`;
        const most = `${"9".repeat(precision - scale)}.${"9".repeat(scale)}`;
        const texts = [least, most, `-${most}`];
        const expected = texts.map((text) => {
          const digits = text.replace(/[-.]/g, "").replace(/^0+/, "").length;
          return digits <= 15 ? canonicalText(Number(text)) : text.replace(/^(-?)[.]/, "$10.");
        });
        expect([type, await sqlTexts(texts.map(quoteText), type)]).toEqual([type, expected]);
      }
  });

  it("the text of a decimal does not depend on the digits of its type", async () => {
    const decimals = [
      "0.00001",
      "0.333251953125",
      "-0.5",
      "12.25",
      "99999.123456789",
      "0",
      "-100",
      "0.0000000000001",
    ];
    for (const type of ["DECIMAL(18,13)", "DECIMAL(19,13)", "DECIMAL(38,13)", "DECIMAL(38,30)"]) {
      const texts = await sqlTexts(decimals.map(quoteText), type);
      expect([type, texts]).toEqual([type, decimals.map((decimal) => canonicalText(Number(decimal)))]);
    }
    expect(await sqlTexts(["'100000000000000000'"], "DECIMAL(20,2)")).toEqual(["100000000000000000"]);
  });

  it("dates and timestamps of any year, cut to the millisecond", async () => {
    const days = ["'10000-01-01'", "'0044-03-15 (BC)'", "'infinity'", "'9999-12-31'"];
    expect(await sqlTexts(days, "DATE")).toEqual(["+010000-01-01", "-000043-03-15", undefined, "9999-12-31"]);
    const times = ["'2001-01-01 00:00:00.000500'", "'1969-12-31 23:59:59.999500'", "'-infinity'"];
    expect(await sqlTexts(times, "TIMESTAMP")).toEqual(["2001-01-01", "1969-12-31T23:59:59.999Z", undefined]);
    const nanos = ["'1969-12-31 23:59:59.999999999'", "'1677-09-22 00:00:00.000999999'", "'infinity'"];
    const cut = ["1969-12-31T23:59:59.999Z", "1677-09-22", undefined];
    expect(await sqlTexts(nanos, "TIMESTAMP_NS")).toEqual(cut);
  });

  it("lists and structs cannot be ids", () => {
    expect(canonicalSql("x", "INTEGER[]")).toBeUndefined();
    expect(canonicalSql("x", "STRUCT(a INTEGER)")).toBeUndefined();
  });
});
