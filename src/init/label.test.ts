import { expect, it } from "vitest";
import { type LabelPlan, planLabel } from "./label.js";

const plan = (values: Record<string, number>, name = "y", missing = 0): LabelPlan =>
  planLabel({
    name,
    values: [
      ...Object.entries(values).map(([value, rows]) => ({ value, rows })),
      ...(missing > 0 ? [{ value: null, rows: missing }] : []),
    ],
  });

it.each<[string, Record<string, number>, object, string?]>([
  ["0 and 1", { 0: 90, 1: 10 }, { task: "binary", expression: undefined, rate: 0.1 }],
  ["1 and 2", { 1: 90, 2: 10 }, { task: "binary", expression: 'TRY_CAST("y" AS DOUBLE) = 2' }],
  ["-1 and 1", { "-1": 10, 1: 90 }, { task: "binary", expression: 'TRY_CAST("y" AS DOUBLE) = 1', rate: 0.9 }],
  ["yes, although more frequent", { no: 10, yes: 90 }, { expression: `CAST("y" AS VARCHAR) = 'yes'` }],
  ["the rarer of two words", { "<=50K": 75, ">50K": 25 }, { expression: `CAST("y" AS VARCHAR) = '>50K'` }],
  [
    "words in several spellings",
    { yes: 40, Yes: 35, "no ": 20, NO: 5 },
    { task: "binary", expression: `lower(trim(CAST("y" AS VARCHAR))) = 'yes'`, rate: 0.75 },
  ],
  [
    "true and false in two spellings",
    { true: 5, false: 5, True: 10, False: 20 },
    { task: "binary", expression: `lower(trim(CAST("y" AS VARCHAR))) = 'true'`, rate: 0.375 },
  ],
  [
    "true, false and numbers",
    { 0: 5, 1: 5, true: 5, false: 5 },
    { task: "classes", classes: 4, type: "VARCHAR" },
  ],
  ["a quote", { a: 75, "it's": 25 }, { expression: `CAST("y" AS VARCHAR) = 'it''s'` }],
  ["a number and a word", { 0: 75, sale: 25 }, { task: "binary", type: "VARCHAR" }],
  [
    "ratings",
    { 1: 10, 2: 10, 3: 20, 4: 40, 5: 20 },
    { task: "binary", expression: 'TRY_CAST("y" AS DOUBLE) >= 4', rate: 0.6 },
  ],
  [
    "half stars",
    { 0.5: 10, 3: 20, 3.5: 40, 5: 20 },
    { expression: 'TRY_CAST("stars" AS DOUBLE) >= 5' },
    "stars",
  ],
  [
    "counts",
    { 0: 80, 1: 5, 2: 5, 17: 5, 40: 5 },
    { task: "binary", expression: 'TRY_CAST("y" AS DOUBLE) > 0', rate: 0.2 },
  ],
  [
    "classes",
    { red: 5, blue: 5, green: 5 },
    {
      task: "classes",
      classes: 3,
      expression: `CASE CAST("y" AS VARCHAR) WHEN 'blue' THEN 0 WHEN 'green' THEN 1 WHEN 'red' THEN 2 END`,
    },
  ],
  ["numbered classes", { 0: 5, 1: 5, 2: 5 }, { task: "classes", classes: 3, expression: undefined }],
  [
    "classes from 1",
    { 1: 5, 2: 5, 3: 5 },
    {
      task: "classes",
      expression: 'CASE TRY_CAST("y" AS DOUBLE) WHEN 1 THEN 0 WHEN 2 THEN 1 WHEN 3 THEN 2 END',
    },
  ],
  ["small numbers", { 0.1: 5, 0.7: 5, 2.5: 5 }, { task: "real", expression: undefined }],
  [
    "large numbers",
    { 100000: 5, 200000.5: 5, 300000: 5 },
    { task: "real", expression: expect.stringContaining("- 200000) / ") },
  ],
])("%s", (_, values, expected, name) => {
  expect({ expression: undefined, ...plan(values, name) }).toMatchObject(expected);
});

it("leaves out rows without a label", () => {
  expect(plan({ 0: 50, 1: 50 }, "y", 7)).toMatchObject({ present: '"y" IS NOT NULL' });
});

it("refuses a label with one value, none, or very many words", () => {
  expect(() => plan({ 1: 50 })).toThrow(/only one value/);
  expect(() => plan({}, "y", 9)).toThrow(/missing in all rows/);
  const words = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`w${i}`, 1]));
  expect(() => plan(words)).toThrow(/too many different texts/);
});

it("says whether a value is the positive one, in any spelling", () => {
  const { isHigh } = plan({ yes: 40, Yes: 35, "no ": 20, NO: 5 });
  expect(["yes", " YES", "no", "No ", null].map(isHigh)).toEqual([true, true, false, false, undefined]);
});

it("refuses numbers without a variance in 64 bits", () => {
  const values = Array.from({ length: 30 }, (_, i) => [`${i + 1.5}e300`, 5] as const);
  expect(() => plan(Object.fromEntries(values))).toThrow(/are too large[\s\S]*logarithm/);
});

it("takes a missing label for the negative one beside a lone positive value", () => {
  const one = plan({ 1: 30 }, "y", 70);
  expect(one).toMatchObject({ task: "binary", rate: 0.3, smallestClass: 30 });
  expect(one.present).toBeUndefined();
  expect(one.expression).toBe('coalesce(TRY_CAST("y" AS DOUBLE) = 1, false)');
  expect([one.isHigh("1"), one.isHigh(null)]).toEqual([true, false]);
  expect(plan({ yes: 30 }, "y", 70).expression).toBe(`coalesce(CAST("y" AS VARCHAR) = 'yes', false)`);
  expect(() => plan({ 0: 30 }, "y", 70)).toThrow(/write it into the file: 0 or 1/);
});

it("says which numbers the classes are, and how to predict a number instead", () => {
  const numbers = (from: number) => Object.fromEntries([0, 1, 2].map((i) => [from + i, 5]));
  const asNumber =
    'If it is a quantity, predict the number itself: label: "y" without sql for it, train.loss: { kind: "squaredError" }, train.metric: "meanSquaredError".';
  expect(plan(numbers(0)).notes).toEqual(["y has 3 classes, the numbers 0 to 2.", asNumber]);
  expect(plan(numbers(1)).notes).toEqual(["y has 3 classes: 0 is 1, 1 is 2, 2 is 3.", asNumber]);
  expect(plan({ a: 5, b: 5, c: 5 }).notes).toEqual(["y has 3 classes: 0 is a, 1 is b, 2 is c."]);
});
