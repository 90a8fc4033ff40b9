import { expect, it } from "vitest";
import { DataError } from "../errors.js";
import { fitFeatures } from "../features/fit.js";
import { featuresSchema } from "../features/schema/features.js";
import { murmur3 } from "../murmur3.js";
import { translate } from "./translate.js";

const features = fitFeatures(
  featuresSchema.parse([{ kind: "id", name: "pair", columns: ["a", "b"], hash: 1000 }]),
  { vocabularies: {}, numbers: {} },
);
const rowsOf = (values: readonly unknown[]) =>
  translate({ features, translations: new Map() }, "pair", values);

it("a cross has the row of the hash of its values, or else that of missing", () => {
  const text = Buffer.from("x\u00017");
  expect([...rowsOf([["x", 7]])]).toEqual([murmur3(text, 0, text.length) % 1000]);
  expect([...rowsOf([[null, undefined]])]).toEqual([
    features.features[0].kind === "id" && features.features[0].missingRow,
  ]);
});

it.each([["x"], [null], [7], [[]], [["x"]], [["x", 7, 8]]])("a cross refuses %j", (value) => {
  const error = (() => {
    try {
      return rowsOf([["x", 7], value]);
    } catch (thrown) {
      return thrown;
    }
  })();
  expect(error).toBeInstanceOf(DataError);
  expect((error as DataError).report).toMatchObject({
    where: "values[1]",
    got: expect.stringContaining("no list of 2 values"),
  });
});
