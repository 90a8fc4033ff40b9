import { expect, it } from "vitest";
import { readFittedFeatures } from "./read-fitted.js";

const reading = { columns: ["c"], as: "text" };
const VERSION_1 = {
  version: 1,
  features: [
    {
      type: "f32",
      name: "age",
      reading,
      width: 1,
      transform: { kind: "log" },
      missing: 0,
      nonFinite: "refuse",
    },
    {
      type: "id",
      name: "user",
      reading,
      width: 1,
      embedding: "people",
      buckets: 5,
      dtype: "fp16",
      mapping: { kind: "integer", size: 4, outOfRangeRow: 4 },
      missingRow: null,
    },
    {
      type: "bag",
      name: "seen",
      reading,
      width: 1,
      embedding: "item",
      buckets: 3,
      mapping: { kind: "vocabulary", vocabulary: "item", unknownRow: null },
      pooling: "mean",
      missing: "empty",
    },
  ],
  vocabularies: { item: ["a", "b", "c"] },
};

const VERSION_2 = {
  version: 2,
  features: [
    {
      kind: "number",
      name: "age",
      reading,
      width: 1,
      transform: { kind: "log" },
      missing: 0,
      nonFinite: "refuse",
    },
    {
      kind: "id",
      name: "user",
      reading,
      width: 1,
      table: "people",
      rows: 5,
      dtype: "fp16",
      mapping: { kind: "integer", size: 4, outOfRangeRow: 4 },
      missingRow: null,
    },
    {
      kind: "ids",
      name: "seen",
      reading,
      width: 1,
      table: "item",
      rows: 3,
      mapping: { kind: "vocabulary", vocabulary: "item", unknownRow: null },
      pooling: "mean",
      missing: "empty",
    },
  ],
  vocabularies: { item: ["a", "b", "c"] },
};

it("reads features of version 1", () =>
  expect(readFittedFeatures(VERSION_1, "run")).toStrictEqual(VERSION_2));

it("leaves features of version 2 as they are", () =>
  expect(readFittedFeatures(VERSION_2, "run")).toBe(VERSION_2));

it("takes types of columns, but no other SQL", () => {
  const typed = (type: string) => readFittedFeatures({ ...VERSION_2, types: { x: type } }, "run");
  const types = [
    ...["TIMESTAMP WITH TIME ZONE", "DECIMAL(10,2)[]", "NULL", "ENUM('a)', 'b')"],
    'STRUCT("a "");" BIGINT, b MAP(VARCHAR, INTEGER))',
  ];
  for (const type of types) expect(typed(type).types).toEqual({ x: type });
  const others = [
    "VARCHAR, y: (SELECT 1)",
    "BIGINT) FROM t --",
    "BIGINT, 1",
    "A(B))(",
    '"a',
    "1",
    "a;b",
    "'a' || b",
  ];
  for (const type of others) expect(() => typed(type)).toThrow(/malformed[\s\S]*types\.x/);
});

it.each([undefined, null, {}, { version: 3, features: [] }])("knows no other: %o", (stored) => {
  expect(() => readFittedFeatures(stored, "run")).toThrow(
    /^run: the checkpoint's features have an unsupported version/,
  );
});

it("a vocabulary has distinct texts, and at most as many as its table has rows, which is said first", () => {
  const withItems = (item: readonly unknown[]) => () =>
    readFittedFeatures({ ...VERSION_1, vocabularies: { item } }, "checkpoint");
  expect(withItems(["a", "b", "a"])).toThrow(/distinct texts\s+→ at vocabularies.item/);
  expect(withItems(["a", "b", 3])).toThrow(/a list of texts/);
  expect(withItems(["a", "a", "a", "a"])).toThrow(/4 values do not fit in 3 rows/);
  expect(withItems(["a", "a", "a", "a"])).not.toThrow(/distinct/);
});
