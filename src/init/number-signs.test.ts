import { expect, it } from "vitest";
import { withoutSigns } from "./number-signs.js";

it.each<[string[], string[]]>([
  [
    ["$1,234.50", "$0.99", "-$12", "$-3"],
    ["1234.50", "0.99", "-12", "-3"],
  ],
  [
    ["12%", "3.5 %", "100"],
    ["12", "3.5", "100"],
  ],
  [
    ["1,234,567", "12", "45,000", "1,000"],
    ["1234567", "12", "45000", "1000"],
  ],
  [
    ["€ 5", "7 €"],
    ["5", "7"],
  ],
])("%j are %j", (texts, numbers) => {
  expect(withoutSigns([...texts, null])).toEqual([...numbers, null]);
});

it.each([
  [["1", "2.5"]],
  [["$5", "five"]],
  [["101,205", "333,201,105"]],
  [["1,2", "10,20"]],
  [["12,5", "3,75"]],
  [["$007", "$012"]],
  [["a,b"]],
  [[]],
])("%j are left as they are", (texts) => {
  expect(withoutSigns(texts)).toBeUndefined();
});
