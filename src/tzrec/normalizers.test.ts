import { describe, expect, it } from "vitest";
import { parseExpression } from "../features/expression.js";
import { rawValueFor } from "./normalizers.js";
import { sourceFields } from "./source-lines.js";

describe("the raw value that stands for a normalized one", () => {
  it.each([
    ["log(x+3)", 0],
    ["x > 1e-10 ? log10(x) : (-10)", 0],
    ["(x - 0.1) / 10", 0.25],
    ["sign(x)", 0],
    ["x^3 - 8", 0],
    ["exp(x)", 5],
  ])("%s = %d", (expression, target) => {
    const x = rawValueFor(expression, target)!;
    expect(parseExpression(expression, ["x"])([x])).toBeCloseTo(target, 9);
  });

  it("is undefined where the formula never gives it", () => {
    expect(rawValueFor("exp(x)", 0.0)).toSatisfy((x) => x === undefined || Math.exp(x as number) < 1e-9);
    expect(rawValueFor("abs(x)", -1)).toBeUndefined();
    expect(rawValueFor("x > 0 ? 2 : 1", 1.5)).toBeUndefined();
  });
});

describe("source lines", () => {
  it("finds every field, through lists, comments and all brackets", () => {
    const text = `a: 1 # b: 2
c < d: "x: {" 'y'
  e: 2 >
f { g: [1,
 2] }
h: [{ i: 1 }, {
  i: 2 }]
a: -3`;
    const found = sourceFields(text, "p").map(({ key, line }) => `${key} ${line}`);
    expect(found).toEqual([
      "a[0] 1",
      "c[0] 2",
      "c[0].d[0] 2",
      "c[0].e[0] 3",
      "f[0] 4",
      "f[0].g[0] 4",
      "f[0].g[1] 5",
      "h[0] 6",
      "h[0].i[0] 6",
      "h[1] 6",
      "h[1].i[0] 7",
      "a[1] 8",
    ]);
  });
});
