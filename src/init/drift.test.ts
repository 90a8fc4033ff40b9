import { expect, it } from "vitest";
import { drift } from "./drift.js";

const parts = (of: readonly number[]) => ({ names: ["before", "after"], of });
const repeat = (text: string | null, times: number) => Array.from({ length: times }, () => text);

it("is the population stability index of two parts", () => {
  const texts = [...repeat("a", 600), ...repeat("b", 400), ...repeat("a", 300), ...repeat("b", 700)];
  const found = drift(texts, { as: "id" }, parts(texts.map((_, i) => (i < 1000 ? 0 : 1))));
  // Half a row is added to each of the two bins.
  const share = (rows: number) => (rows + 0.5) / 1001;
  const term = (p: number, q: number) => (p - q) * Math.log(p / q);
  expect(found).toBeCloseTo(term(share(600), share(300)) + term(share(400), share(700)), 12);
});

it("is 0 for parts with the same distribution, and large if values become missing", () => {
  const texts = [...repeat("a", 50), ...repeat("b", 50)];
  expect(
    drift([...texts, ...texts], { as: "id" }, parts([...texts, ...texts].map((_, i) => (i < 100 ? 0 : 1)))),
  ).toBe(0);
  const gone = [...texts, ...repeat(null, 100)];
  expect(drift(gone, { as: "id" }, parts(gone.map((_, i) => (i < 100 ? 0 : 1))))).toBeGreaterThan(5);
});

it("is the largest of several parts, and undefined with one part only", () => {
  const texts = ["a", "b", "a", "b", "c", "c"];
  const found = drift(texts, { as: "id" }, { names: ["x", "y", "z"], of: [0, 0, 1, 1, 2, 2] });
  expect(found).toBe(drift(["a", "b", "c", "c"], { as: "id" }, parts([0, 0, 1, 1])));
  expect(drift(texts, { as: "id" }, parts([0, 0, 0, 0, 0, 0]))).toBeUndefined();
});
