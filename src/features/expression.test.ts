import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { parseExpression } from "./expression.js";

const at = (text: string, x: number) => parseExpression(text)(x);

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

  it.each([
    "",
    "x +",
    "(x",
    "x)",
    "y",
    "log x",
    "min(x)",
    "log(x, 2)",
    "x y",
    "2x",
    "constructor(x)",
    "x; x",
    "#",
  ])("refuses %j", (text) => {
    expect(() => parseExpression(text)).toThrow(ConfigError);
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
