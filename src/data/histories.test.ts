import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, expect, it } from "vitest";
import type { BagColumn, ColumnSet, FloatColumn } from "../columns/columns.js";
import { fitFeatures } from "../features/fit.js";
import { featuresSchema } from "../features/schema/features.js";
import { type DataInput, dataSchema, type SourceInput, sourceSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

/*
 * The history of a row is what the table of events had about it before its time. Expected histories are found here one row at a
 * time, by a look at every event.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-histories-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

interface Event {
  readonly user: string | null;
  readonly at: number | null;
  readonly item: number;
  readonly shop: number | null;
}
type Row = Pick<Event, "user" | "at"> & { readonly n: number; readonly y: number };
interface Limits {
  readonly window?: number;
  readonly max?: number;
}

const FEATURES = featuresSchema.parse([
  { kind: "number", name: "n" },
  { kind: "sequence", name: "items", sequence: "clicks", column: "clicks.item", buckets: 1000 },
  { kind: "sequence", name: "shops", sequence: "clicks", column: "clicks.shop", buckets: 5 },
  { kind: "sequence", name: "numbers", sequence: "clicks", column: "clicks.item", number: {} },
  { kind: "ages", name: "ages", sequence: "clicks", column: "clicks.at", time: "at", buckets: 4 },
]);

async function prepare(data: Partial<DataInput>) {
  const config = dataSchema.parse({ label: "y", cacheDir: folder, maxBadRows: 1, ...data });
  return (await prepareData({ data: config, features: FEATURES })).splits;
}

function listsOf({ columns, rows }: ColumnSet, name: string): number[][] {
  const { values, offsets } = columns.get(name) as BagColumn;
  return Array.from({ length: rows }, (_, r) =>
    Array.from(values.subarray(Number(offsets[r]), Number(offsets[r + 1])), Number),
  );
}

/** The numbers of the events of each row, in the order in which the row has them, and how many are cut. */
function expected(
  events: readonly Event[],
  { user, at }: Row,
  { window = Infinity, max = Infinity }: Limits,
) {
  const known = events.filter(
    (event) =>
      user !== null &&
      at !== null &&
      event.user === user &&
      event.at !== null &&
      event.at < at &&
      at - event.at <= window,
  );
  const sorted = known
    .map((event, i) => [event, i] as const)
    .sort(([a, i], [b, j]) => a.at! - b.at! || i - j);
  const kept = sorted.slice(-Math.min(max, sorted.length)).map(([event]) => event);
  return { kept: sorted.length === 0 ? [] : kept, cut: sorted.length - kept.length };
}

/** Few users and few times, so that most are equal to others. */
const user = fc.constantFrom("a", "b", "7", null);
const time = fc.oneof({ weight: 9, arbitrary: fc.integer({ min: -4, max: 4 }) }, fc.constant(null));
const eventsArbitrary = fc
  .array(fc.record({ user, at: time, shop: fc.constantFrom(0, 1, 4, null) }), { minLength: 1, maxLength: 40 })
  .map((events) => events.map((event, item): Event => ({ ...event, item })));
const rowsArbitrary = fc
  .array(fc.record({ user, at: time }), { minLength: 1, maxLength: 20 })
  .map((rows) => rows.map((row, n): Row => ({ ...row, n, y: n % 2 })));
const limitsArbitrary: fc.Arbitrary<Limits> = fc.record(
  { window: fc.constantFrom(1, 2.5, 6), max: fc.constantFrom(1, 3) },
  { requiredKeys: [] },
);

/** Numbers, fractions, and timestamps in seconds, whose unit is that of the window. */
const UNITS: Record<string, (at: number) => unknown> = {
  integers: (at) => at,
  fractions: (at) => at + 0.5,
  timestamps: (at) => new Date(Date.UTC(2026, 0, 1) + 1000 * at),
};

/** From 1 to 2, from 3 to 6, from 7 to 14. */
const ageRange = (age: number) => (age < 1 ? 0 : age < 3 ? 1 : age < 7 ? 2 : 3);

const inUnit = (rows: readonly (Event | Row)[], unit: string) =>
  rows.map((row) => ({ ...row, at: row.at === null ? null : UNITS[unit](row.at) }));

it.each(Object.keys(UNITS))(
  "has the events before its time, never one at it or after it: %s",
  async (unit) => {
    await fc.assert(
      fc.asyncProperty(eventsArbitrary, rowsArbitrary, limitsArbitrary, async (events, rows, limits) => {
        // A column without a value has no type.
        const withTimes = [...events, { user: "z", at: 0, item: 999, shop: 0 }];
        const rowsWithTimes = [...rows, { user: "z", at: 0, n: rows.length, y: 0 }];
        const source = {
          rows: inUnit(rowsWithTimes, unit),
          events: { clicks: { rows: inUnit(withTimes, unit), by: "user", time: "at", ...limits } },
        };
        const { train } = await prepare({ train: source as SourceInput });
        const histories = rowsWithTimes.map((row) => expected(withTimes, row, limits));
        expect(listsOf(train!, "items")).toEqual(histories.map(({ kept }) => kept.map(({ item }) => item)));
        // A missing shop has the row of missing values.
        expect(listsOf(train!, "shops")).toEqual(
          histories.map(({ kept }) => kept.map(({ shop }) => shop ?? 5)),
        );
        const { weights } = train!.columns.get("numbers") as BagColumn;
        expect([...weights!]).toEqual(histories.flatMap(({ kept }) => kept.map(({ item }) => item)));
        // Ages are at least 1, and a time has a whole number of units.
        const ages = histories.map(({ kept }, r) =>
          kept.map(({ at }) => Math.min(3, ageRange(rowsWithTimes[r].at! - at!))),
        );
        expect(listsOf(train!, "ages")).toEqual(ages);
        const cut = histories.reduce((sum, history) => sum + history.cut, 0);
        expect(train!.cut).toEqual(cut > 0 ? { items: cut, shops: cut, numbers: cut } : {});
      }),
      { numRuns: 8, seed: 3, endOnFailure: true },
    );
  },
);

it("stays with its row where a file has malformed rows, several files and splits", async () => {
  const lines = Array.from(
    { length: 3000 },
    (_, n) => `${n % 7},${n},${n},${n % 2}${n % 50 === 3 ? ",one too many" : ""}`,
  );
  for (const [i, part] of [lines.slice(0, 1000), lines.slice(1000)].entries())
    writeFileSync(join(folder, `rows${i}.csv`), `user,at,n,y\n${part.join("\n")}\n`);
  // Out of order, in two files.
  const events = Array.from({ length: 500 }, (_, i) => ({
    user: i % 7,
    at: (i * 7919) % 3000,
    item: i,
    shop: 1,
  }));
  for (const [i, part] of [events.slice(0, 200), events.slice(200)].entries())
    writeFileSync(join(folder, `events${i}.json`), part.map((event) => JSON.stringify(event)).join("\n"));
  const source = sourceSchema.parse({
    path: join(folder, "rows*.csv"),
    events: { clicks: { path: join(folder, "events*.json"), by: "user", time: "at", max: 4 } },
  });
  const { train, test } = await prepare({ source, split: { train: 0.8, test: 0.2 } });
  const scanned: ColumnSet[] = [];
  const fitted = fitFeatures(FEATURES, { vocabularies: {}, numbers: {} });
  for await (const { columns } of scanSource(source, fitted)) scanned.push(columns);
  for (const part of [train!, test!, ...scanned]) {
    const { data, offset, stride } = part.columns.get("n") as FloatColumn;
    const items = listsOf(part, "items");
    for (let r = 0; r < part.rows; r++) {
      const n = data[offset + r * stride];
      const known = events
        .filter((event) => event.user === n % 7 && event.at < n)
        .sort((a, b) => a.at - b.at);
      expect(items[r]).toEqual(known.slice(-4).map(({ item }) => item));
    }
  }
  expect(train!.rows + test!.rows).toBe(2940);
  expect(scanned.reduce((sum, { rows }) => sum + rows, 0)).toBe(2940);
});

it("refuses events of which no feature reads a column", async () => {
  const rows = [{ user: 1, at: 2, n: 1, y: 0 }];
  const events = { views: { rows: [{ user: 1, at: 1, item: 1 }], by: "user", time: "at" } };
  await expect(prepare({ train: { rows, events } as unknown as SourceInput })).rejects.toThrow(
    /train\.events\.views: no feature reads a column of this table[\s\S]*"views\.item"/,
  );
});

it.each([
  [
    "time",
    { rows: [{ user: 1, at: "soon", item: 1, shop: 1 }] },
    /events.clicks.time: a text in the column at is no time\n *got: *"soon"/,
  ],
  [
    "mixture of times",
    { rows: [1, "2026-01-31"].map((at) => ({ user: 1, at, item: 1, shop: 1 })) },
    /a text in the column at is no time\n *got: *"2026-01-31"/,
  ],
  [
    "unit",
    { rows: [{ user: 1, at: new Date(0), item: 1, shop: 1 }] },
    /at is VARCHAR in the events and BIGINT in the rows/,
  ],
  [
    "type of times",
    { rows: [{ user: 1, at: [1.5], item: 1, shop: 1 }] },
    /got: *DOUBLE\[\][\s\S]*a date, a timestamp or a number/,
  ],
  [
    "scale",
    { rows: [{ user: 1, at: 1_700_000_000_000, item: 1, shop: 1 }] },
    /different units\n *got: *at: milliseconds in the events, seconds in the rows/,
    1_700_000_000,
  ],
  ["key", { rows: [{ at: 1, item: 1, shop: 1 }] }, /events.clicks.* has no such column/],
  ["column", { rows: [{ user: 1, at: 1, item: 1 }] }, /events.clicks has no such column\n *got: *shop/],
])("refuses events without a fit %s", async (_, events, message, at = 2) => {
  const train = {
    rows: [{ user: 1, at, n: 1, y: 0 }],
    events: { clicks: { ...events, by: "user", time: "at" } },
  };
  await expect(prepare({ train: train as SourceInput })).rejects.toThrow(message);
});

it("of later files have times of the unit of training", async () => {
  const sourceWith = (second: number | "dates") => {
    const at = (time: number) => (second === "dates" ? new Date(1000 * time).toISOString() : time * second);
    return sourceSchema.parse({
      rows: [{ user: 1, at: at(1_700_000_090), n: 1, y: 0 }],
      events: {
        clicks: {
          rows: [{ user: 1, at: at(1_700_000_000), item: 1, shop: 1 }],
          by: "user",
          time: "at",
          window: 60,
        },
      },
    });
  };
  const data = dataSchema.parse({ label: "y", cacheDir: folder, maxBadRows: 1, train: sourceWith(1000) });
  const { features: fitted } = await prepareData({ data, features: FEATURES });
  expect(fitted.timeUnits).toEqual({ clicks: "milliseconds" });
  const scan = async (source: SourceInput) => {
    for await (const { columns } of scanSource(sourceSchema.parse(source), fitted))
      expect(listsOf(columns, "items")).toEqual(columns.rows === 0 ? [] : [[]]);
  };
  await scan(sourceWith(1000));
  await expect(scan(sourceWith("dates"))).rejects.toThrow(/does not have the type/);
  const ofDates = await prepareData({ data: { ...data, train: sourceWith("dates") }, features: FEATURES });
  expect(ofDates.features.timeUnits).toEqual({ clicks: "dates" });
  await expect(scan(sourceWith(1))).rejects.toThrow(
    /at: seconds in the events, seconds in the rows, milliseconds in training/,
  );
});
