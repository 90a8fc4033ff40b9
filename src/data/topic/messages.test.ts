import { expect, it } from "vitest";
import { isRow } from "./messages.js";

const isRowOf = (text: string) => isRow({ partition: 0, offset: 0, value: Buffer.from(text) });

it.each([
  "{}",
  '{"a":1,"b":{"a":1,"b":[{"a":1},{"a":2}]}}',
  '{"a":["a","a"],"b":"a"}',
  String.raw`{"a":"\\","b":"\",\"a\":1"}`,
  '{"m":{"x":1,"X":2}}',
])("an object whose keys differ is a row: %s", (text) => {
  expect(isRowOf(text)).toBe(true);
});

it("a long text is part of a row", () => {
  expect(isRowOf(`{"a":"${"x".repeat(3e7)}"}`)).toBe(true);
});

it.each([
  '{"a":1,"a":1}',
  '{"a":1,"b":{"x":1,"y":[{"z":0,"z":0}]}}',
  String.raw`{"a":1,"\u0061":2}`,
  '{"price":1,"Price":2}',
  '{"b":[1,{"c":2}],"b":3}',
])("an object that has a key twice is none: %s", (text) => {
  expect(isRowOf(text)).toBe(false);
});
