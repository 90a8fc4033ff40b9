import fc from "fast-check";
import { expect, it } from "vitest";
import { profileColumn, singleAuc } from "./column.js";
import { looksOf } from "./looks.js";

const looksOfTexts = (texts: readonly (string | null)[]) => {
  const counts = new Map<string, number>();
  for (const text of texts) if (text !== null) counts.set(text, (counts.get(text) ?? 0) + 1);
  return looksOf("column", "scalar", counts);
};

const aucOf = (texts: readonly (string | null)[], labels: readonly boolean[]) =>
  singleAuc(texts, labels, looksOfTexts(texts));

/** Of all pairs of a high and a low label, the share in which the high one has the larger number; ties count one half. */
function pairShare(numbers: readonly number[], labels: readonly boolean[]): number {
  const [high, low] = [true, false].map((label) => numbers.filter((_, i) => labels[i] === label));
  const wins = high.flatMap((a) => low.map((b) => (a > b ? 1 : a === b ? 0.5 : 0)));
  return wins.reduce<number>((sum, each) => sum + each, 0) / wins.length;
}

it("ranks numbers in either direction at least as well as the pairs say", () => {
  const rows = fc.array(fc.record({ x: fc.integer({ min: -500, max: 500 }), label: fc.boolean() }), {
    minLength: 60,
    maxLength: 90,
  });
  fc.assert(
    fc.property(rows, (table) => {
      const labels = table.map(({ label }) => label);
      const high = labels.filter(Boolean).length;
      fc.pre(Math.min(high, labels.length - high) >= 20 && new Set(table.map(({ x }) => x)).size > 1);
      const share = pairShare(
        table.map(({ x }) => x),
        labels,
      );
      const found = aucOf(
        table.map(({ x }) => String(x)),
        labels,
      )!;
      expect(found).toBeGreaterThanOrEqual(Math.max(share, 1 - share) - 1e-9);
      expect(found).toBeLessThanOrEqual(1);
    }),
  );
});

it("learns nothing from values that occur once", () => {
  const texts = Array.from({ length: 200 }, (_, i) => `row ${i}`);
  expect(
    aucOf(
      texts,
      texts.map((_, i) => i % 3 === 0),
    ),
  ).toBe(0.5);
});

it("is 1 for a copy of the label, also if the label is known by what is missing", () => {
  const labels = Array.from({ length: 200 }, (_, i) => i % 5 === 0);
  expect(
    aucOf(
      labels.map((label) => (label ? "bought" : "left")),
      labels,
    ),
  ).toBe(1);
  expect(
    aucOf(
      labels.map((label, i) => (label ? `2024-01-${10 + (i % 9)}` : null)),
      labels,
    ),
  ).toBeGreaterThan(0.99);
});

it("says nothing with fewer than 20 rows of a class", () => {
  const texts = Array.from({ length: 100 }, (_, i) => String(i));
  expect(
    aucOf(
      texts,
      texts.map((_, i) => i < 19),
    ),
  ).toBeUndefined();
});

it("counts values and the share of high labels", () => {
  const texts = ["a", "b", "a", null, "a", "b"];
  const isHigh = [true, false, true, true, false, undefined];
  const all = { missing: 1, distinct: 2, isWhole: true };
  const { top, distinct } = profileColumn({ name: "x", type: "VARCHAR", form: "scalar", texts, isHigh }, all);
  expect(distinct).toBe(2);
  expect(top).toEqual([
    { value: "a", share: 3 / 6, rate: 2 / 3 },
    { value: "b", share: 2 / 6, rate: 0 },
  ]);
});

it("counts the elements of lists", () => {
  const texts = Array.from(
    { length: 12 },
    (_, i) => ["red|blue", "red|green", "blue|red", "green|red"][i % 4],
  );
  const all = { missing: 0, distinct: 4, isWhole: true };
  const { top, distinct } = profileColumn({ name: "x", type: "VARCHAR", form: "scalar", texts }, all);
  expect(distinct).toBe(3);
  expect(top.map(({ value, share }) => [value, share])).toEqual([
    ["red", 1],
    ["blue", 0.5],
    ["green", 0.5],
  ]);
});

it("gives the rate of high labels in quarters of the rows", () => {
  const texts = Array.from({ length: 400 }, (_, i) => String(i));
  const isHigh = texts.map((_, i) => i >= 300);
  const all = { missing: 0, distinct: 400, isWhole: true };
  const { ranges } = profileColumn({ name: "x", type: "BIGINT", form: "scalar", texts, isHigh }, all);
  expect(ranges!.map(({ rate }) => rate).slice(0, 3)).toEqual([0, 0, expect.closeTo(0, 1)]);
  expect(ranges!.at(-1)!.rate).toBeGreaterThan(0.98);
});
