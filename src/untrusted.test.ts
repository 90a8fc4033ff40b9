import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { listOf, membersOf, parseUntrusted } from "./untrusted.js";

const nested = (levels: number) => "[".repeat(levels) + "]".repeat(levels);

describe("JSON from anyone", () => {
  it("is parsed like JSON.parse", () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(parseUntrusted(text)).toEqual(JSON.parse(text));
      }),
      { numRuns: 300 },
    );
  });

  it("is refused when it is nested deep, and brackets in texts are not counted", () => {
    expect(parseUntrusted(nested(200))).toEqual(JSON.parse(nested(200)));
    for (const levels of [201, 100_000]) {
      expect(() => parseUntrusted(nested(levels))).toThrow(SyntaxError);
      expect(() => parseUntrusted(`{"a":"\\"","b":${nested(levels)}}`)).toThrow(SyntaxError);
    }
    const text = JSON.stringify({ a: `\\"${nested(300)}`, b: "[".repeat(300) });
    expect(parseUntrusted(text)).toEqual(JSON.parse(text));
  });
});

describe("a schema of many elements", () => {
  const list = z.strictObject({ all: listOf(z.strictObject({ x: z.number(), y: z.number() }), 3) });
  const object = z.strictObject({ all: membersOf(z.string().regex(/^\w+$/), z.number(), 3) });

  it("gives what it is given", () => {
    const all = [1, 2, 3].map((x) => ({ x, y: -x }));
    expect(list.parse({ all })).toEqual({ all });
    expect(object.parse({ all: { a: 1, b: 2 } })).toEqual({ all: { a: 1, b: 2 } });
  });

  it("names the first element that is wrong, and no other", () => {
    const pathsOf = ({ error }: z.ZodSafeParseResult<unknown>) => error?.issues.map(({ path }) => path);
    const all = [{ x: 1, y: 1 }, { x: 1 }, {}];
    expect(pathsOf(list.safeParse({ all }))).toEqual([["all", 1, "y"]]);
    expect(pathsOf(object.safeParse({ all: { a: 1, b: "1", c: "1" } }))).toEqual([["all", "b"]]);
  });

  it("refuses more than the most, and what is no list or has other names", () => {
    for (const all of [Array(4).fill({ x: 1, y: 1 }), {}, null])
      expect(list.safeParse({ all }).error?.issues).toHaveLength(1);
    for (const all of [{ a: 1, b: 1, c: 1, d: 1 }, { "a b": 1 }, [1], null])
      expect(object.safeParse({ all }).error?.issues).toHaveLength(1);
  });
});
