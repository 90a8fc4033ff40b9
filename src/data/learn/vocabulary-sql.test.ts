import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import { Duck, quoteText } from "../source/duckdb.js";
import { vocabularySql } from "./vocabulary-sql.js";

let duck: Duck;
beforeAll(async () => {
  duck = await Duck.open("");
});
afterAll(() => duck.close());

/** Columns a and b have a table each, c and the lists d share one, the lists e have one. */
const tables = { a: 0, b: 1, c: 2, d: 2, e: 3 };
const text = fc.option(fc.constantFrom("", "x", "y", "z", "é", "z z", "\u{1f600}", "~"));
const row = fc.record({ a: text, b: text, c: text, d: fc.option(fc.array(text)), e: fc.array(text) });
const rule = fc.record({ minCount: fc.integer({ min: 1, max: 3 }), maxSize: fc.option(fc.nat({ max: 4 })) });

it("orders the values of every table by count, then by bytes, as counting one by one does", async () => {
  const rules = fc.array(rule, { minLength: 4, maxLength: 4 });
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1, maxLength: 30 }), rules, async (rows, limits) => {
      const cells = (Object.keys(tables) as (keyof typeof tables)[]).map((name) => {
        const reads = name === "d" || name === "e" ? ("texts" as const) : ("text" as const);
        return { table: tables[name], wire: { sql: name, reads } };
      });
      const rules = limits.map(({ minCount, maxSize }) => ({ minCount, maxSize: maxSize ?? undefined }));
      const got = await duck.rows(vocabularySql(cells, rules, valuesSql(rows)), "test");
      const expected = rules.flatMap(({ minCount, maxSize }, table) => {
        const counts = new Map<string, number>();
        for (const row of rows)
          for (const [name, t] of Object.entries(tables))
            for (const value of t === table ? [row[name as keyof typeof tables]].flat() : [])
              if (value) counts.set(value, (counts.get(value) ?? 0) + 1);
        return [...counts]
          .filter(([, count]) => count >= minCount)
          .sort(([a, n], [b, m]) => m - n || Buffer.compare(Buffer.from(a), Buffer.from(b)))
          .slice(0, maxSize)
          .map(([value]) => [`${table}`, value]);
      });
      expect(got).toEqual(expected);
    }),
    { numRuns: 40 },
  );
});

it("counts many columns together as it counts each alone", async () => {
  const rows = fc.sample(row, { seed: 5, numRuns: 60 });
  const names = Array.from({ length: 100 }, (_, i) => ["a", "b", "c"][i % 3]);
  const rules = names.map((_, i) => ({ minCount: 1 + (i % 4), maxSize: i % 5 === 0 ? 2 : undefined }));
  const cellOf = (table: number) => ({ table, wire: { sql: names[table], reads: "text" as const } });
  const one = async (i: number) => {
    const got = await duck.rows(
      vocabularySql([cellOf(0)], [rules[i]], `SELECT ${names[i]} AS a FROM (${valuesSql(rows)})`),
      "test",
    );
    return got.map(([, value]) => [`${i}`, value]);
  };
  const together = vocabularySql(
    names.map((_, i) => cellOf(i)),
    rules,
    valuesSql(rows),
  );
  const each: (string | null)[][] = [];
  for (const i of names.keys()) each.push(...(await one(i)));
  expect(await duck.rows(together, "test")).toEqual(each);
});

function valuesSql(rows: readonly Record<string, unknown>[]): string {
  const literal = (value: unknown): string => {
    if (value === null) return "NULL";
    return Array.isArray(value)
      ? `[${value.map(literal).join(", ")}]::VARCHAR[]`
      : quoteText(value as string);
  };
  const lines = rows.map(({ a, b, c, d, e }) => `(${[a, b, c, d, e].map(literal).join(", ")})`);
  return `SELECT a::VARCHAR AS a, b::VARCHAR AS b, c::VARCHAR AS c, d::VARCHAR[] AS d, e
    FROM (VALUES ${lines.join(", ")}) AS given(a, b, c, d, e)`;
}
