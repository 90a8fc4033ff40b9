import { describe, expect, it } from "vitest";
import { rowsByValue } from "./match-rows.js";

describe("rowsByValue", () => {
  it("pairs equal values, and the rows of unknown and missing values", () => {
    const here = { values: ["b", "c", "a"], rows: 5 };
    const there = { values: ["a", "b"], rows: 4 };
    expect(rowsByValue(here, there)).toEqual([
      [0, 1],
      [2, 0],
      [3, 2],
      [4, 3],
    ]);
  });

  it("leaves the special rows alone where one table has more of them", () => {
    expect(rowsByValue({ values: ["a"], rows: 3 }, { values: ["a"], rows: 2 })).toEqual([[0, 0]]);
  });
});
