import { expect, it } from "vitest";
import { presentElements } from "./null-values.js";

const nulls = new Set<unknown>(["NA", "-"]);

it.each<[string, unknown, Parameters<typeof presentElements>[1], unknown]>([
  ["a text with separators", "a|NA|b", { separator: "|" }, ["a", null, "b"]],
  ["a text in brackets", '["NA", "x"]', {}, [null, "x"]],
  ["a list", ["NA", 3, null, "-"], {}, [null, 3, null, null]],
  ["numbers", "1,NA,3", { length: 3 }, ["1", null, "3"]],
  [
    "weighted ids",
    "a:2,NA:3,NA",
    { weighted: true },
    [
      { key: "a", value: "2" },
      { key: null, value: "3" },
      { key: null, value: 1 },
    ],
  ],
  ["a map, whose keys mean themselves", { NA: 1 }, { weighted: true }, { NA: 1 }],
  ["an empty text", "", {}, ""],
  ["a missing value", null, {}, null],
])("texts that mean missing are missing in %s", (_, value, form, expected) => {
  expect(presentElements(value, form, nulls)).toEqual(expected);
});
