import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { fromRowJson, toRowJson } from "./row-json.js";

const saved = (value: unknown) => JSON.parse(JSON.stringify(toRowJson(value)));

const TIMES = fc.date({ noInvalidDate: false });
const NUMBERS = fc.oneof(fc.double(), fc.constantFrom(-0, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 53));
const SCALARS = fc.oneof(
  NUMBERS,
  fc.bigInt(),
  fc.string({ unit: "binary" }),
  fc.boolean(),
  TIMES,
  fc.constantFrom(null, undefined),
);
const { value: VALUES } = fc.letrec((tie) => ({
  value: fc.oneof({ depthSize: "small" }, SCALARS, tie("list"), tie("map"), tie("object")),
  list: fc.array(tie("value"), { maxLength: 3 }),
  map: fc.array(fc.tuple(tie("value"), tie("value")), { maxLength: 3 }).map((entries) => new Map(entries)),
  object: fc.dictionary(fc.string(), tie("value"), { maxKeys: 3, noNullPrototype: true }),
}));

/** An assertion that tells -0 from 0, and a missing member from one that is undefined. */
function expectEqual(actual: unknown, expected: unknown): void {
  expect(actual).toStrictEqual(expected);
}

describe("a value of a row in a saved config", () => {
  it("is what it was, and its JSON form stays as it is", () => {
    fc.assert(
      fc.property(VALUES, (value) => {
        expectEqual(fromRowJson(saved(value)), value);
        expectEqual(toRowJson(saved(value)), saved(value));
      }),
    );
  });

  it("is an array for a list of any type", () => {
    const list = fc.oneof(fc.float32Array(), fc.float64Array(), fc.bigInt64Array(), fc.uint8Array());
    fc.assert(
      fc.property(list, (value) => expectEqual(fromRowJson(saved(value)), Array.from<unknown>(value))),
    );
  });

  const circular: unknown[] = [];
  circular.push(circular);
  it.each<[string, unknown]>([
    ["a set", new Set(["a"])],
    ["a function", () => 1],
    ["a symbol", Symbol("a")],
    ["a view of bytes", new DataView(new ArrayBuffer(8))],
    ["an object with a class", new URL("file:///a")],
    ["a list that contains itself", [circular]],
  ])("cannot be %s", (_, value) => {
    expect(() => toRowJson([value])).toThrow();
  });

  it.each<[unknown, unknown?]>([
    ["set", []],
    ["toString", ""],
    ["number", "5"],
    ["number", null],
    ["bigint", "0x10"],
    ["bigint", "x"],
    ["date", "2001"],
    ["map", [["a"]]],
    ["map", {}],
    [1, 1],
  ])("cannot be a form that nothing is saved in: %s %o", (kind, value) => {
    expect(() => toRowJson({ $pairloom: kind, value })).toThrow(/no key \$pairloom/);
  });
});
