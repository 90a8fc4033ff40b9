import { expect, it } from "vitest";
import { looksOf } from "./looks.js";

const countsOf = (texts: readonly string[]) =>
  new Map(texts.map((text) => [text, texts.filter((each) => each === text).length]));
const looks = (texts: readonly string[], name = "column") => looksOf(name, "scalar", countsOf(texts));
const many = (of: (i: number) => string, count = 60) => Array.from({ length: count }, (_, i) => of(i));

it.each<[string, string[], object, string?]>([
  ["integers", ["1", "2", "30"], { as: "number" }],
  ["fractions", ["1.5", "-2e3", ".5"], { as: "number" }],
  ["numbers and a word", [...many(String), "unknown"], { as: "number" }],
  ["too many words", [...many(String, 10), ...many((i) => `w${i}`, 10)], { as: "id" }],
  ["postcodes", ["01234", "12345", "99999"], { as: "id" }],
  ["truth values", ["true", "false"], { as: "id" }],
  ["words", ["red", "green"], { as: "id" }],
  ["dates", ["2024-01-31", "2024-02-01"], { as: "date", hasTimeOfDay: false }],
  ["times", ["2024-01-31 08:15:00", "2024-02-01T00:00:00Z"], { as: "date", hasTimeOfDay: true }],
  ["seconds of a named time", ["1700000000", "1700003600"], { as: "date", unit: "seconds" }, "created_at"],
  [
    "milliseconds of a named time",
    ["1700000000000", "1700003600000"],
    { as: "date", unit: "milliseconds" },
    "eventTime",
  ],
  ["large numbers of no time", ["1700000000", "1700003600"], { as: "number" }],
  ["American dates", ["1/31/2024", "12/1/2023"], { as: "date", format: "%m/%d/%Y" }],
  ["European dates", ["31/1/2024", "1/12/2023"], { as: "date", format: "%d/%m/%Y" }],
  [
    "German dates with times",
    ["31.01.2024 08:15", "01.12.2023 23:59"],
    { as: "date", format: "%d.%m.%Y %H:%M" },
  ],
  ["no dates", ["32/1/2024", "1/13/2024"], { as: "id" }],
  ["tags", many((i) => `t${i % 4}|u${i % 5}`), { as: "bag", separator: "|", isWeighted: false, elements: 9 }],
  [
    "tags with weights",
    many((i) => `t${i % 4}:0.5;u${i % 5}:2`),
    { as: "bag", separator: ";", isWeighted: true, elements: 9 },
  ],
  ["JSON lists", ['["a","b"]', "[]", '["b"]'], { as: "bag", separator: ",", elements: 2, occurrences: 3 }],
  ["empty lists", ["[]", "[]"], { as: "empty" }],
  ["texts whose words never repeat", many((i) => `a${i} b${i} c${i}`), { as: "id" }],
  ["names with a comma", many((i) => `Family ${i}, Given ${i}`), { as: "words" }],
  ["vectors", many((i) => `${i / 7},${i / 3},0.5`), { as: "vector", width: 3, separator: "," }],
  ["sentences", many((i) => `this is the number ${i}`), { as: "words" }],
])("%s", (_, texts, expected, name) => {
  expect(looks(texts, name)).toMatchObject(expected);
});

it("measures numbers", () => {
  const values = [...many((i) => String(i), 100), "1000"].map(Number);
  const found = looks(values.map(String));
  const mean = values.reduce((sum, x) => sum + x, 0) / values.length;
  const central = (power: number) => values.reduce((sum, x) => sum + (x - mean) ** power, 0) / values.length;
  const { numbers } = found as Extract<typeof found, { as: "number" }>;
  expect(numbers).toMatchObject({ min: 0, max: 1000, areIntegers: true, others: [] });
  expect(numbers.mean).toBeCloseTo(mean, 10);
  expect(numbers.std).toBeCloseTo(Math.sqrt(central(2)), 10);
  expect(numbers.skewness).toBeCloseTo(central(3) / central(2) ** 1.5, 10);
  const sorted = [...values].sort((a, b) => a - b);
  expect(numbers.quantiles).toHaveLength(21);
  numbers.quantiles.forEach((quantile, i) => {
    const rows = Math.ceil((i / 20) * sorted.length - 1e-9);
    expect(quantile).toBe(sorted[Math.max(0, rows - 1)]);
  });
});
