import fc from "fast-check";
import { expect, it } from "vitest";
import { table, tables } from "./text-table.js";

const widest = (text: string) => Math.max(...text.split("\n").map((line) => line.length));

it("breaks the heads of a table that is wider than a terminal", () => {
  const head = ["model", "AUC", "pairwise AUC", "log loss", "normalized entropy", "accuracy"];
  const rows = [["logistic regression", "0.8420", "0.8422", "0.66532", "0.60637", "0.8019"]];
  expect(table(head, rows)).toBe(
    [
      "┌─────────────────────┬────────┬──────────┬─────────┬────────────┬──────────┐",
      "│ model               │    AUC │ pairwise │     log │ normalized │ accuracy │",
      "│                     │        │      AUC │    loss │    entropy │          │",
      "├─────────────────────┼────────┼──────────┼─────────┼────────────┼──────────┤",
      "│ logistic regression │ 0.8420 │   0.8422 │ 0.66532 │    0.60637 │   0.8019 │",
      "└─────────────────────┴────────┴──────────┴─────────┴────────────┴──────────┘",
    ].join("\n"),
  );
});

it("leaves a table alone that fits", () => {
  expect(table(["a name", "b"], [["x y", "1"]])).toBe(
    ["┌────────┬───┐", "│ a name │ b │", "├────────┼───┤", "│ x y    │ 1 │", "└────────┴───┘"].join("\n"),
  );
});

it("makes further tables of numbers that have no room", () => {
  const head = ["model", ...Array.from({ length: 12 }, (_, i) => `recall@${i}`)];
  const rows = [["logistic regression", ...head.slice(1).map((_, i) => `0.${1000 + i}`)]];
  const text = tables(head, rows);
  expect(widest(text)).toBeLessThanOrEqual(80);
  for (const value of [...head.slice(1), ...rows[0].slice(1)]) expect(text).toContain(value);
});

it("keeps names whole", () => {
  const name = "embeddings.a_very_long_name".repeat(4);
  expect(table(["name", "size"], [[name, "1"]])).toContain(name);
});

it("fits and keeps every character, whatever the texts are", () => {
  const cell = fc.stringMatching(/^[a-z]{1,9}( [a-z]{1,10}){0,9}$/);
  const number = fc.integer({ min: 0, max: 99_999 }).map(String);
  const given = fc
    .record({ texts: fc.integer({ min: 1, max: 3 }), numbers: fc.integer({ min: 0, max: 12 }) })
    .chain(({ texts, numbers }) => {
      const row = fc.tuple(...Array(texts).fill(cell), ...Array(numbers).fill(number)) as fc.Arbitrary<
        string[]
      >;
      return fc.record({ texts: fc.constant(texts), rows: fc.array(row, { minLength: 1, maxLength: 4 }) });
    });
  fc.assert(
    fc.property(given, ({ texts, rows }) => {
      const head = rows[0].map((_, i) => `head ${i}`);
      const left = Array.from({ length: texts - 1 }, (_, i) => i + 1);
      const text = tables(head, rows, left);
      expect(widest(text)).toBeLessThanOrEqual(80);
      const sorted = (value: string) => [...value.replaceAll(/[^a-z0-9]/g, "")].sort().join("");
      if (text.split("┌").length === 2) expect(sorted(text)).toBe(sorted([head, ...rows].flat().join("")));
    }),
    { numRuns: 50 },
  );
});
