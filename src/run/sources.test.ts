import { expect, it } from "vitest";
import { dataSchema } from "../data/data-config.js";
import { measuredSplit, otherSource, splitPlace } from "./sources.js";

const data = (splits: object) => dataSchema.parse({ label: "y", ...splits });
const rows = { rows: [{ y: 1 }] };

it.each([
  ["test", { train: rows, valid: rows, test: rows }],
  ["valid", { train: rows, valid: rows }],
  // There is nothing to measure on; the error names the test split.
  ["test", { train: rows }],
  ["valid", { source: rows, split: { train: "y = 1", valid: "y = 0" } }],
  ["test", { source: rows, split: { train: "y = 1", test: "y = 0" } }],
])("a model is measured on %s if nobody names a split: %o", (split, splits) => {
  expect(measuredSplit(data(splits))).toBe(split);
});

it("the place of a split is a key that the config has", () => {
  const split = { train: "y = 1", test: "y = 0" };
  expect(splitPlace(data({ source: rows, split }), "test")).toBe("data.source");
  expect(splitPlace(data({ train: rows, test: rows }), "test")).toBe("data.test");
});

it.each(["svm", "ffm", "libsvm", "libffm"])(
  "other files named .%s are read without the keys of a text file",
  (name) => {
    const train = { path: "a.csv", header: true, delimiter: ";", nullValues: ["NA"], format: "csv" };
    expect(otherSource(data({ train }), { files: [`b.${name}.gz`] })).toEqual({ path: [`b.${name}.gz`] });
  },
);

it("other files without a known name have the format of the training data", () => {
  const train = { path: "a.txt", format: "libsvm", sql: "FROM source" };
  expect(otherSource(data({ train }), { files: ["b.txt"] })).toEqual({ ...train, path: ["b.txt"] });
});
