import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { parseExpression } from "./expression.js";

const at = (text: string, x: number) => parseExpression(text, ["x"])([x]);

describe("parseExpression", () => {
  it.each<[string, number, number]>([
    ["log(x+3)", 7, Math.log(10)],
    ["2 + 3 * x ^ 2", 4, 50],
    ["-x^2", 3, -9],
    ["2^3^2", 0, 512],
    ["2^-1", 0, 0.5],
    ["10 - 4 - 3", 0, 3],
    ["24 / 4 / 3", 0, 2],
    ["--x", 5, 5],
    ["min(x, 2) + max(x, 2)", 5, 7],
    ["pow(x, .5)", 9, 3],
    ["1.5e1 * x", 2, 30],
    ["sigmoid(x)", 0, 0.5],
    ["round(x) + floor(x)", 2.7, 5],
  ])("%s at %d is %d", (text, x, expected) => {
    expect(at(text, x)).toBeCloseTo(expected, 12);
  });

  it.each<[string, number]>([
    ["a == b ? 1 : 0", 0],
    ["a < b ? b > 2 ? 10 : 20 : 30", 10],
    ["a <= 2 && b >= 4", 0],
    ["a <= 2 || b >= 4", 1],
    ["1 + 2 < 4 == 1", 1],
    ["6 & 3 | 8", 10],
    ["a != b", 1],
    ["sum(a, b, 1) / avg(a, b)", 6 / 2.5],
    ["max(a, b, -1) - min(a, b)", 1],
    ["round(-2.5) + rint(2.5) + ceil(0.2)", 0],
    ["roundp(3.14159, 2)", 3.14],
    ["sin(_pi / 2) * ln(_e)", 1],
    ["sign(-3) * log2(8)", -3],
    ["mod(7, b) + mod(-7, b)", 0],
    ["isnan(log(a - b)) + isnan(a)", 1],
  ])("%s with a = 2 and b = 3 is %d", (text, expected) => {
    expect(parseExpression(text, ["a", "b"])([2, 3])).toBeCloseTo(expected, 12);
  });

  it.each([
    "",
    "x +",
    "(x",
    "x)",
    "y",
    "log x",
    "min()",
    "pow(x)",
    "x = 1",
    "x ? 1",
    "log(x, 2)",
    "x y",
    "2x",
    "constructor(x)",
    "x; x",
    "#",
  ])("refuses %j", (text) => {
    expect(() => parseExpression(text, ["x"])).toThrow(ConfigError);
  });

  it("evaluates chains of any length, and calls and levels up to a bound", () => {
    expect(at(`x${"+x".repeat(30_000)}`, 2)).toBe(60_002);
    expect(at(`${"-".repeat(10_001)}x`, 2)).toBe(-2);
    expect(at(`${"x<0?1:".repeat(10_000)}5`, 2)).toBe(5);
    expect(at(`max(${"x,".repeat(999)}3)`, 2)).toBe(3);
    expect(at(`${"(".repeat(99)}x${")".repeat(99)}`, 2)).toBe(2);
    for (const text of [
      `max(${"x,".repeat(1000)}3)`,
      `${"(".repeat(1e4)}x`,
      `x${"^x".repeat(1e4)}`,
      "x?".repeat(1e4),
    ])
      expect(() => at(text, 2)).toThrow(ConfigError);
  });

  it("agrees with JavaScript on random formulas", () => {
    const { formula } = fc.letrec<{ formula: string; leaf: string; node: string }>((tie) => ({
      formula: fc.oneof({ maxDepth: 5 }, tie("leaf"), tie("node")),
      leaf: fc.oneof(fc.constant("x"), fc.integer({ min: 0, max: 9 }).map(String)),
      node: fc
        .tuple(tie("formula"), fc.constantFrom("+", "-", "*", "/"), tie("formula"), fc.boolean())
        .map(([a, operator, b, grouped]) => (grouped ? `(${a} ${operator} ${b})` : `${a} ${operator} ${b}`)),
    }));
    fc.assert(
      fc.property(formula, fc.double({ min: -10, max: 10, noNaN: true }), (text, x) => {
        expect(at(text, x)).toEqual(new Function("x", `return ${text}`)(x));
      }),
    );
  });
});
