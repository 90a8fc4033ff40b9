import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet } from "../columns/columns.js";
import { packRows, type RawRow } from "../features/encoder.js";
import { instantOf } from "../features/instant.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, type SourceInput } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { Duck } from "./source/duckdb.js";

let folder: string;
let files = 0;
let duck: Duck;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-dates-"));
  duck = await Duck.open(join(folder, "duck"));
});
afterAll(() => {
  duck.close();
  rmSync(folder, { recursive: true, force: true });
});

/** DuckDB's own functions, as a second implementation. */
const SQL = {
  minute: "minute(t)",
  hour: "hour(t)",
  weekday: "isodow(t) - 1",
  day: "day(t)",
  dayOfYear: "dayofyear(t)",
  month: "month(t)",
  year: "year(t)",
  daysSinceEpoch: "date_diff('day', TIMESTAMP '1970-01-01', t)",
};
type Part = keyof typeof SQL;
const parts = Object.keys(SQL) as Part[];
const features: FeatureInput[] = parts.map((part) => ({ kind: "datePart", name: part, input: "t", part }));

function valuesOf(set: ColumnSet, name: string): unknown[] {
  const column = set.columns.get(name)!;
  return Array.from({ length: set.rows }, (_, r) => {
    if (column.kind === "ids")
      return [...column.values.subarray(Number(column.offsets[r]), Number(column.offsets[r + 1]))].map(
        Number,
      );
    return Number(column.data[column.offset + r * column.stride]);
  });
}

const prepare = (source: SourceInput, of: FeatureInput[] = features) =>
  prepareData({
    data: dataSchema.parse({ train: source, label: "y", cacheDir: join(folder, "cache"), maxBadRows: 1 }),
    features: featuresSchema.parse(of),
  });

const partsOf = (set: ColumnSet) => Object.fromEntries(parts.map((part) => [part, valuesOf(set, part)]));

async function parquet(select: string): Promise<string> {
  const path = join(folder, `${files++}.parquet`);
  await duck.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`, "test");
  return path;
}

function text(ending: string, lines: readonly string[]): string {
  const path = join(folder, `${files++}${ending}`);
  writeFileSync(path, `${lines.join("\n")}\n`);
  return path;
}

/** Milliseconds, from the year 1 to the year 9999. */
const times = fc.sample(fc.integer({ min: -62_135_596_800_000, max: 253_402_300_799_999 }), {
  seed: 3,
  numRuns: 200,
});
const iso = times.map((time) => new Date(time).toISOString());

async function expectedParts(): Promise<Record<string, number[]>> {
  const values = iso.map((each, i) => `(${i}, TIMESTAMP '${each.slice(0, -1)}')`);
  const columns = parts.map((part) => SQL[part]);
  const sql = `SELECT ${columns.join(", ")} FROM (VALUES ${values.join(", ")}) v(i, t) ORDER BY i`;
  const rows = await duck.rows(sql, "test");
  return Object.fromEntries(parts.map((part, p) => [part, rows.map((row) => Math.fround(Number(row[p])))]));
}

describe("datePart", () => {
  const values = () => iso.map((each, i) => `(${i}, 1, TIMESTAMP '${each.slice(0, -1)}')`).join(", ");
  const sources: Record<string, () => Promise<SourceInput> | SourceInput> = {
    "CSV with T and Z": () => ({ path: text(".csv", ["t,y", ...iso.map((each) => `${each},1`)]) }),
    "CSV with an offset": () => ({
      path: text(".csv", [
        "t,y",
        ...times.map((time) => `${new Date(time + 19_800_000).toISOString().slice(0, -1)}+05:30,1`),
      ]),
    }),
    "CSV without a zone": () => ({
      path: text(".csv", ["t,y", ...iso.map((each) => `${each.slice(0, -1).replace("T", " ")},1`)]),
    }),
    "JSON lines": () => ({
      path: text(
        ".jsonl",
        iso.map((t) => JSON.stringify({ t, y: 1 })),
      ),
    }),
    "JavaScript dates": () => ({ rows: times.map((time) => ({ t: new Date(time), y: 1 })) }),
    TIMESTAMP: async () => ({
      path: await parquet(`SELECT * FROM (VALUES ${values()}) v(i, y, t) ORDER BY i`),
    }),
    TIMESTAMP_MS: async () => ({
      path: await parquet(
        `SELECT i, y, t::TIMESTAMP_MS AS t FROM (VALUES ${values()}) v(i, y, t) ORDER BY i`,
      ),
    }),
    TIMESTAMPTZ: async () => ({
      path: await parquet(
        `SELECT i, y, t AT TIME ZONE 'UTC' AS t FROM (VALUES ${values()}) v(i, y, t) ORDER BY i`,
      ),
    }),
  };
  it.each(Object.keys(sources))("gives the parts of %s in UTC", async (name) => {
    const { splits } = await prepare(await sources[name]());
    expect(splits.train.quarantined).toBe(0);
    expect(partsOf(splits.train)).toEqual(await expectedParts());
  });

  it("gives the same parts for the rows of a predictor", async () => {
    const { features: fitted } = await prepare(await sources.TIMESTAMP());
    const wanted = await expectedParts();
    for (const rows of [iso.map((t) => ({ t })), times.map((time) => ({ t: new Date(time) }))])
      expect(partsOf(packRows(fitted, rows))).toEqual(wanted);
  });

  const dates = ["1969-12-31", "1970-01-01", "2000-02-29", "2024-12-31"];
  it("reads dates, and numbers of a given unit", async () => {
    const expected = {
      weekday: [2, 3, 1, 1],
      dayOfYear: [365, 1, 60, 366],
      daysSinceEpoch: [-1, 0, 11_016, 20_088],
    };
    const asDate = await parquet(`SELECT unnest([${dates.map((each) => `DATE '${each}'`)}]) AS t, 1 AS y`);
    expect(partsOf((await prepare({ path: asDate })).splits.train)).toMatchObject(expected);
    for (const [unit, scale] of [
      ["seconds", 1000],
      ["milliseconds", 1],
    ] as const) {
      const numbered = features.map((feature) => ({ ...feature, unit }) as FeatureInput);
      const numbers = dates.map((each) => Date.parse(each) / scale);
      const asNumber = await parquet(`SELECT unnest([${numbers}]) AS t, 1 AS y`);
      const asText = text(".csv", ["t,y", ...numbers.map((each) => `${each},1`)]);
      for (const path of [asNumber, asText])
        expect(partsOf((await prepare({ path }, numbered)).splits.train), unit).toMatchObject(expected);
      const { features: fitted } = await prepare({ path: asNumber }, numbered);
      expect(
        partsOf(
          packRows(
            fitted,
            numbers.map((t) => ({ t })),
          ),
        ),
      ).toMatchObject(expected);
    }
  });

  it("is an id with a mapping, and missing without a date", async () => {
    const ids: FeatureInput[] = [
      { kind: "datePart", name: "hour", input: "t", part: "hour", buckets: 24 },
      { kind: "datePart", name: "month", input: "t", part: "month", vocabulary: {} },
      { kind: "datePart", name: "year", input: "t", part: "year", missing: 1999 },
    ];
    const rows = [
      { t: "2001-06-18 08:15:00", y: 1 },
      { t: null, y: 1 },
      { t: new Date("2001-01-01"), y: 1 },
    ];
    const { splits, features: fitted } = await prepare({ rows }, ids);
    for (const set of [splits.train, packRows(fitted, rows)]) {
      expect(valuesOf(set, "hour")).toEqual([[8], [], [0]]);
      expect(valuesOf(set, "month")).toEqual([[1], [], [0]]);
      expect(valuesOf(set, "year")).toEqual([2001, 1999, 2001]);
    }
    expect(fitted.vocabularies).toEqual({ month: ["1", "6"] });
  });

  const odd: RawRow[] = [
    "soon",
    "2001-02-30",
    "2001-06-18 24:00:00",
    "18.06.2001",
    "2001",
    "infinity",
    " ",
  ].map((t) => ({ t, y: 1 }));
  it("refuses texts that are no time, in files and in rows", async () => {
    const { splits, features: fitted } = await prepare({ rows: [{ t: "2001-06-18", y: 1 }, ...odd] });
    expect(splits.train.reasons).toEqual({ "minute: neither a date nor a timestamp": odd.length });
    const encoded = packRows(fitted, [...odd, { t: 1e12 }, { t: true }]);
    expect(encoded.bad.map(({ reason }) => reason)).toEqual(
      Array(odd.length + 2).fill("neither a date nor a timestamp"),
    );
  });

  it.each([
    ["hour", 24],
    ["weekday", 7],
    ["month", 13],
    ["day", 32],
    ["dayOfYear", 367],
    ["minute", 60],
  ] as const)("needs a bucket for every %s", (part, buckets) => {
    const feature = { kind: "datePart", name: "x", input: "t", part } as const;
    expect(featuresSchema.safeParse([{ ...feature, buckets }]).success).toBe(true);
    expect(featuresSchema.safeParse([{ ...feature, buckets: buckets - 1 }]).error!.issues[0].message).toMatch(
      `it needs buckets: ${buckets}`,
    );
  });

  it("refuses a column of numbers whose unit is not given", async () => {
    const path = await parquet("SELECT 978300760 AS t, 1 AS y");
    await expect(prepare({ path })).rejects.toThrow(
      /the column t has the wrong type[\s\S]*set unit: "seconds"/,
    );
  });
});

it("instantOf reads what JavaScript writes, and no other dates (any time)", () => {
  fc.assert(
    fc.property(fc.date({ noInvalidDate: true }), (date) => {
      // JavaScript gives the years before 0 and after 9999 a sign.
      expect(instantOf(date.toISOString())).toBe(date.getTime());
    }),
  );
  for (const wrong of [
    "2001-13-01",
    "2001-00-10",
    "2001-04-31",
    "2001-1-1",
    "2001-01-01T",
    "2001-01-01 25:00",
    "",
  ])
    expect(instantOf(wrong)).toBeNaN();
});
