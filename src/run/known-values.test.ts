import { expect, it } from "vitest";
import { packRows } from "../features/encoder.js";
import { fitFeatures } from "../features/fit.js";
import { featuresSchema } from "../features/schema/features.js";
import { KnownValues } from "./known-values.js";

const FITTED = fitFeatures(
  featuresSchema.parse([
    { kind: "id", name: "user", vocabulary: {} },
    { kind: "ids", name: "tags", vocabulary: {} },
    { kind: "id", name: "shop", hash: 9 },
  ]),
  { vocabularies: { user: ["1", "2"], tags: ["a", "b"] }, numbers: {} },
);

/** The names of the features of which values are said to be written in another way. */
function warned(rows: readonly object[], times: number): string[] {
  const values = new KnownValues(FITTED.features);
  for (let i = 0; i < times; i++) values.add(packRows(FITTED, rows as never));
  return values.warnings.map((text) => /any value of (\w+)/.exec(text)![1]);
}

it("is told where the values of a vocabulary are written in another way", () => {
  const other = { user: "1.0", tags: ["A", "B"], shop: "x" };
  expect(warned([other], 20)).toEqual(["user", "tags"]);
  expect(warned([other], 19)).toEqual([]);
  expect(warned([other, { ...other, user: "1" }], 20)).toEqual(["tags"]);
  expect(warned([{ ...other, tags: ["A", "a"] }], 20)).toEqual(["user"]);
});

it("is not told where values are missing", () => {
  expect(warned([{ user: null, tags: [], shop: null }], 30)).toEqual([]);
  const values = new KnownValues(FITTED.features);
  for (let i = 0; i < 1000; i++) values.add(packRows(FITTED, [{ user: "1.0" }, { user: null }]));
  expect(values.warnings).toEqual([expect.stringContaining("(those of 0 of 1,000 rows)")]);
});
