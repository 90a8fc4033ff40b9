import { expect, it } from "vitest";
import type { ColumnProfile } from "./column.js";
import { decideColumns } from "./propose-features.js";

/** A column of words or of lists of words. */
const column = (given: Partial<ColumnProfile>): ColumnProfile => ({
  name: "c",
  type: "VARCHAR",
  missing: 0,
  distinct: 100,
  isExact: true,
  looks: { as: "id" },
  top: [{ value: "a", share: 0.1 }],
  ...given,
});
const bag = (elements: number, occurrences: number) => ({
  looks: { as: "bag", separator: "|", isWeighted: false, elements, occurrences } as const,
});

const vocabulary = (rows: number, given: Partial<ColumnProfile>) => {
  const [{ features, reason }] = decideColumns([column(given)], { rows, isText: true });
  return features.length === 0 ? reason : (features[0] as { vocabulary: object }).vocabulary;
};

// A vocabulary without any value is an error in training.
it.each([
  ["few rows", 4_000, {}, {}],
  ["many rows", 100_000, {}, { minCount: 2 }],
  ["very many rows", 1_000_000, {}, { minCount: 5 }],
  ["ids with two rows each, such as orders", 1_000_000, { distinct: 500_000 }, { minCount: 2 }],
  ["values in few of the rows", 100_000, { missing: 99_900, distinct: 70 }, {}],
  ["lists of values that occur often", 1_000_000, bag(500, 100_000), { minCount: 5 }],
  ["lists of values that hardly occur again", 1_000_000, bag(40_000, 100_000), { minCount: 2 }],
  ["lists of values that never occur again", 100_000, bag(95_000, 100_000), expect.stringContaining("lists")],
])("a vocabulary learns something from %s", (_, rows, given, expected) => {
  expect(vocabulary(rows, given)).toEqual(expected);
});
