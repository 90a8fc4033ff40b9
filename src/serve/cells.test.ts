import { expect, it } from "vitest";
import { cellsOf, hasColumn, oneRow } from "./cells.js";

it("a row has no column that every object inherits, but one that its class computes", () => {
  const columnOf = (given: unknown, name: string) => Array.from(cellsOf(given, [name], "rows").column(name));
  for (const name of ["constructor", "toString"]) {
    expect(() => columnOf([{ [name]: 1 }, {}], name)).toThrow(`the column ${name} is not in the row`);
    expect(() => columnOf({}, name)).toThrow();
    expect(columnOf([{ [name]: 1 }, { [name]: null }], name)).toEqual([1, null]);
    expect(columnOf({ [name]: [1, 2] }, name)).toEqual([1, 2]);
    expect([hasColumn({}, name), hasColumn([{ [name]: 1 }], name)]).toEqual([false, true]);
    expect(oneRow({}, "row").column(name)).toEqual([undefined]);
  }
  class Item {
    constructor(private readonly cents: number) {}
    get price() {
      return this.cents / 100;
    }
  }
  expect(columnOf([new Item(250)], "price")).toEqual([2.5]);
});
