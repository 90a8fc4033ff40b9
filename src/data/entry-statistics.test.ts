import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import type { BagColumn } from "../columns/columns.js";
import { resolveConfig } from "../config/config.js";
import type { RawRow } from "../features/encoder.js";
import { prepareData } from "./index.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-entry-statistics-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** The numbers of the entries of all rows, as the model gets them. */
async function entriesOf(source: object, column: string, normalize: string): Promise<number[]> {
  const config = resolveConfig({
    data: { train: source as { rows: RawRow[] }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "user", hash: 9 },
      {
        kind: "sequence",
        name: "prices",
        column,
        sequence: "clicks",
        max: 3,
        number: { normalize, missing: 2 },
      },
    ],
    model: { kind: "logisticRegression", features: ["user"] },
  } as Parameters<typeof resolveConfig>[0]);
  const { splits } = await prepareData(config);
  return [...(splits.train.columns.get("prices") as BagColumn).weights!];
}

/** By the formulas, of the last three of each list. */
function expected(lists: readonly (number | null)[][], normalize: string): number[] {
  const kept = lists.flatMap((list) => list.slice(-3));
  const known = kept.filter((x) => x !== null);
  const mean = known.reduce((sum, x) => sum + x, 0) / known.length;
  const deviation = Math.sqrt(known.reduce((sum, x) => sum + (x - mean) ** 2, 0) / known.length);
  const [least, most] = [Math.min(...known), Math.max(...known)];
  const [shift, scale] = normalize === "zscore" ? [mean, deviation] : [least, most - least];
  return kept.map((x) => ((x ?? 2) - shift) / (scale || 1));
}

const prices = fc.array(fc.oneof(fc.integer({ min: -50, max: 50 }), fc.constant(null)), { maxLength: 6 });
const lists = fc
  .array(prices, { minLength: 2, maxLength: 8 })
  .filter((all) => all.some((list) => list.slice(-3).some((x) => x !== null)));

it.each(["zscore", "minmax"])(
  "%s of entries is that of those that are kept, as lists, as texts and of events",
  async (normalize) => {
    await fc.assert(
      fc.asyncProperty(lists, async (all) => {
        const rowsOf = (write: (list: readonly (number | null)[]) => unknown) =>
          all.map((list, i) => ({ user: i, at: 100, y: i % 2, prices: write(list) }));
        const events = all.flatMap((list, user) => list.map((price, at) => ({ user, at, price })));
        const table = { rows: [...events, { user: -1, at: 0, price: 0 }], by: "user", time: "at" };
        const results = [
          await entriesOf({ rows: rowsOf((list) => list) }, "prices", normalize),
          await entriesOf(
            { rows: rowsOf((list) => list.map((x) => x ?? "").join(",")) },
            "prices",
            normalize,
          ),
          await entriesOf({ rows: rowsOf(() => 0), events: { clicks: table } }, "clicks.price", normalize),
        ];
        const wanted = expected(all, normalize);
        // An empty text is an empty list, and not a list of one missing number.
        const texts = expected(
          all.map((list) => (list.length === 1 && list[0] === null ? [] : list)),
          normalize,
        );
        for (const [i, result] of results.entries()) {
          const close = (i === 1 ? texts : wanted).map((x) => expect.closeTo(x, 4));
          expect(result).toEqual(close);
        }
      }),
      { seed: 3, numRuns: 6 },
    );
  },
);
