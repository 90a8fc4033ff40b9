import { describe, expect, it } from "vitest";
import { columnsOf, dimensionOf, fp32 } from "./tensor.js";

describe("dimensionOf", () => {
  it("gives a fixed size", () => {
    expect(columnsOf(fp32("B", 3, 4))).toBe(3);
    expect(dimensionOf(fp32("B", 3, 4), 2)).toBe(4);
    expect(dimensionOf(fp32(5, 2), 0)).toBe(5);
  });

  it("refuses the batch dimension, and one that the tensor does not have", () => {
    expect(() => dimensionOf(fp32("B", 3), 0)).toThrow(/dimension 0[\s\S]*fp32\[B, 3\]/);
    expect(() => columnsOf(fp32("B"))).toThrow(/dimension 1[\s\S]*fp32\[B\]/);
  });
});
