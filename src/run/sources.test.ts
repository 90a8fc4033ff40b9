import { expect, it } from "vitest";
import { dataSchema } from "../data/data-config.js";
import { measuredSplit } from "./sources.js";

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
