import fc from "fast-check";
import { expect, it } from "vitest";
import { showValue } from "./show-value.js";

it("shows what JSON can say as JSON does", () => {
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 2 }), (value) => {
      const plain = JSON.parse(JSON.stringify(value));
      const json = JSON.stringify(plain);
      if (json.length <= 120) expect(showValue(plain)).toBe(json);
      else expect(showValue(plain)).toHaveLength(120);
    }),
  );
});

it("shows what JSON cannot say", () => {
  const circular: Record<string, unknown> = { a: 1 };
  circular.self = { back: circular };
  expect(showValue(circular)).toBe('{"a":1,"self":{"back":[circular]}}');
  expect(showValue({ id: 2n ** 63n })).toBe('{"id":9223372036854775808n}');
  expect(showValue([Number.NaN, -Infinity])).toBe("[NaN,-Infinity]");
  expect(showValue(undefined)).toBe("nothing");
  expect(showValue(new Date(Number.NaN))).toBe("an invalid date");
  expect(showValue(new Map([["k", 1n]]))).toBe('Map[["k",1n]]');
  const throwing = Object.defineProperty({}, "x", { enumerable: true, get: () => JSON.parse("{") });
  expect(showValue(throwing)).toBe("(object)");
});
