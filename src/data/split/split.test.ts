import { createHash } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Column, ColumnSet } from "../../columns/columns.js";
import { canonicalText } from "../../features/canonical.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { type DataInput, dataSchema, type SourceInput, splitNames } from "../data-config.js";
import type { PreparedData } from "../pack/prepared.js";
import { prepareData } from "../prepare.js";
import { Duck, quoteText } from "../source/duckdb.js";
import { scanSource } from "../source/scan.js";
import { equalText } from "./split-keys.js";

let root: string;
let files = 0;
let duck: Duck;
beforeAll(async () => {
  root = mkdtempSync(join(tmpdir(), "pairloom-split-"));
  duck = await Duck.open(join(root, "duck"));
});
afterAll(() => {
  duck.close();
  rmSync(root, { recursive: true, force: true });
});

const nameOf = (ending: string) => join(root, `${files++}${ending}`);

function write(ending: string, text: string): string {
  const path = nameOf(ending);
  writeFileSync(path, text);
  return path;
}

async function parquet(select: string): Promise<string> {
  const path = nameOf(".parquet");
  await duck.run(`COPY (${select}) TO '${path}' (FORMAT parquet)`, "test");
  return path;
}

function numbersOf(set: ColumnSet | undefined, name: string): number[] {
  if (!set) return [];
  const { data, offset, stride } = set.columns.get(name) as Extract<Column, { kind: "number" }>;
  return Array.from({ length: set.rows }, (_, r) => data[offset + r * stride]);
}

/** The feature `row` names each row in the tests. */
const features: FeatureInput[] = [{ kind: "number", name: "row" }];

function prepare(data: Partial<DataInput>, more: FeatureInput[] = []): Promise<PreparedData> {
  const parsed = dataSchema.parse({ cacheDir: join(root, `cache${files++}`), label: "y", ...data });
  return prepareData({ data: parsed, features: featuresSchema.parse([...features, ...more]) });
}

/** The value of `row` in every row of each split. */
async function rowsBySplit(source: SourceInput, split: DataInput["split"], data: Partial<DataInput> = {}) {
  const { splits } = await prepare({ source, split, ...data });
  return Object.fromEntries(splitNames.map((name) => [name, numbersOf(splits[name], "row")]));
}

const errorOf = (promise: Promise<unknown>): Promise<Error> =>
  promise.then(
    () => expect.unreachable("no error"),
    (error) => error,
  );

/** The documented number in [0, 1) of a text, with 53 bits. */
function unit(text: string): number {
  const digest = createHash("md5").update(text).digest();
  return Number(digest.readBigUInt64LE(8) >> 11n) / 2 ** 53;
}

/** The rows of the texts that the formula gives to each split. */
function expected(
  texts: readonly string[],
  shares: { train: number; valid: number; test: number },
  seed = 0,
) {
  const { train, valid } = shares;
  const units = texts.map((text) => unit(`split:${seed}:${text}`));
  const inside = (low: number, high: number) =>
    units.flatMap((u, row) => (u >= low && u < high ? [row] : []));
  const ends = [train, train + valid, train + valid + shares.test];
  return { train: inside(0, ends[0]), valid: inside(ends[0], ends[1]), test: inside(ends[1], ends[2]) };
}

const count = 400;
const rows = Array.from({ length: count }, (_, row) => row);
const shares = { train: 0.5, valid: 0.25, test: 0.25 };

describe("split by a column", () => {
  const csvOf = (cells: readonly (string | number)[]) =>
    write(".csv", `row,y,k\n${cells.map((cell, row) => `${row},${row % 2},${cell}`).join("\n")}\n`);

  it("gives every row to the split of the formula", async () => {
    const users = rows.map((row) => `user ${row % 150}`);
    const found = await rowsBySplit({ path: csvOf(users) }, { by: "k", ...shares, seed: 7 });
    expect(found).toEqual(expected(users, shares, 7));
    const lengths = splitNames.map((name) => found[name].length / count);
    // 150 users: three standard deviations of a share of 0.5 are 0.12.
    splitNames.forEach((name, i) => {
      expect(Math.abs(lengths[i] - shares[name])).toBeLessThan(0.13);
    });
  });

  it("gives train the rest, and leaves rows out if the shares are less than 1", async () => {
    const path = csvOf(rows);
    const texts = rows.map(String);
    expect(await rowsBySplit({ path }, { by: "k", test: 0.3 })).toEqual(
      expected(texts, { train: 0.7, valid: 0, test: 0.3 }),
    );
    const { splits, unassigned } = await prepare({
      source: { path },
      split: { by: "k", train: 0.1, test: 0.2 },
    });
    expect(splits.train.rowsRead + splits.test!.rowsRead + unassigned).toBe(count);
    expect(numbersOf(splits.train, "row")).toEqual(
      expected(texts, { train: 0.1, valid: 0, test: 0.2 }).train,
    );
  });

  const types = ["SMALLINT", "BIGINT", "HUGEINT", "UINTEGER", "DOUBLE", "FLOAT", "DECIMAL(9,2)"];
  it("does not depend on the format or the width of integers", async () => {
    const texts = rows.map(String);
    const wanted = expected(texts, shares);
    const split = { by: "k", ...shares };
    const select = (type: string) =>
      `SELECT range AS row, range % 2 AS y, range::${type} AS k FROM range(${count})`;
    for (const type of [...types, "VARCHAR"])
      expect(await rowsBySplit({ path: await parquet(select(type)) }, split), type).toEqual(wanted);
    const written = {
      plain: texts,
      padded: texts.map((text) => text.padStart(6, "0")),
      floats: texts.map((text) => `${text}.0`),
      signed: texts.map((text) => `+${text}`),
    };
    for (const [name, cells] of Object.entries(written))
      expect(await rowsBySplit({ path: csvOf(cells) }, split), name).toEqual(wanted);
    const objects = rows.map((row) => ({ row, y: row % 2, k: row }));
    expect(await rowsBySplit({ rows: objects }, split)).toEqual(wanted);
    const lines = write(".jsonl", objects.map((object) => JSON.stringify(object)).join("\n"));
    expect(await rowsBySplit({ path: lines }, split)).toEqual(wanted);
  });

  it("does not depend on the format or the width of decimals, and reads all their digits", async () => {
    const fractions = [".5", ".12345678901234567", ".10000000000000001", ".1234567890123456789012"];
    const texts = rows.map((row) => `${row % 100}${fractions[Math.floor(row / 100)]}`);
    const wanted = expected(texts, shares);
    const split = { by: "k", ...shares };
    for (const type of ["DECIMAL(24,22)", "DECIMAL(38,22)", "DECIMAL(38,36)", "VARCHAR"]) {
      const values = texts.map((text, row) => `(${row}, ${row % 2}, CAST('${text}' AS ${type}))`);
      const path = await parquet(`SELECT * FROM (VALUES ${values.join(", ")}) t(row, y, k)`);
      expect(await rowsBySplit({ path }, split), type).toEqual(wanted);
    }
    for (const written of [texts, texts.map((text) => `+00${text}00`)])
      expect(await rowsBySplit({ path: csvOf(written) }, split)).toEqual(wanted);
  });

  it("does not depend on what features read, nor on the values after the first rows", async () => {
    const cells = rows.map((row) => (row < 300 ? row : `x${row}`));
    const texts = cells.map(String);
    const source = { path: csvOf(cells) };
    const split = { by: "k", ...shares };
    for (const feature of [
      { kind: "id", name: "k", hash: 100 },
      { kind: "number", name: "other", column: "row" },
    ] as FeatureInput[]) {
      const { splits } = await prepare({ source, split, maxBadRows: 1 }, [feature]);
      expect(numbersOf(splits.train, "row")).toEqual(expected(texts, shares).train);
    }
  });

  it.each<[string, string, (row: number) => string]>([
    ["dates", "DATE", (row) => new Date(row * 86_400_000).toISOString().slice(0, 10)],
    ["timestamps", "TIMESTAMP", (row) => new Date(row * 3_700_000).toISOString()],
    ["zoned timestamps", "TIMESTAMPTZ", (row) => new Date(row * 3_700_000).toISOString()],
  ])("gives %s of texts, Parquet and objects to the same split", async (_, type, textOf) => {
    const texts = rows.map(textOf);
    const canonical = texts.map((text) => text.replace("T00:00:00.000Z", ""));
    const wanted = expected(canonical, shares);
    const split = { by: "k", ...shares };
    const values = texts.map((text, row) => `(${row}, ${row % 2}, ${type} '${text}')`);
    const path = await parquet(`SELECT * FROM (VALUES ${values.join(", ")}) t(row, y, k)`);
    expect(await rowsBySplit({ path }, split)).toEqual(wanted);
    expect(await rowsBySplit({ path: csvOf(texts) }, split)).toEqual(wanted);
    expect(
      await rowsBySplit(
        { path: csvOf(texts.map((text) => text.replace("T", " ").replace("Z", "+00"))) },
        split,
      ),
    ).toEqual(wanted);
    const objects = texts.map((text, row) => ({ row, y: row % 2, k: new Date(text) }));
    expect(await rowsBySplit({ rows: objects }, split)).toEqual(wanted);
  });

  it("takes decimals of any digits by their value, the shortest text of a double or all digits", async () => {
    const digits = fc.stringMatching(/^[0-9]{0,18}$/);
    const decimal = fc
      .tuple(fc.constantFrom("", "-", "+"), digits, digits)
      .map(([sign, whole, fraction]) => `${sign}${whole}.${fraction}7`);
    const dyadic = fc.integer({ min: 1, max: 2 ** 20 }).map((n) => (n / 2 ** 20).toFixed(20));
    const texts = fc.sample(fc.oneof(decimal, dyadic), 500);
    const select = `SELECT unnest([${texts.map(quoteText).join(", ")}]) AS x`;
    const found = await duck.rows(
      `SELECT ${equalText({ column: "x", type: "VARCHAR" })} FROM (${select})`,
      "test",
    );
    expect(found.map(([text]) => text)).toEqual(texts.map(decimalText));
  });

  /** The canonical text of a decimal with a point. */
  function decimalText(text: string): string | undefined {
    const [, minus, whole, fraction] = /^\+?(-?)0*(\d*)\.(\d*?)0*$/.exec(text)!;
    const isShort = `${whole}${fraction}`.replace(/^0+/, "").length <= 15;
    return isShort ? canonicalText(Number(text)) : `${minus}${whole || "0"}.${fraction}`;
  }

  // Integers beyond 2^53 are exact as text, but not as a JavaScript number.
  const exact = fc
    .double({ noNaN: true, noDefaultInfinity: true })
    .filter((x) => Math.abs(x) <= 2 ** 53 || Math.abs(x) >= 1e21);
  it("goes by the value of any number, not by its digits", async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(exact, { minLength: 4, maxLength: 40 }), async (values) => {
        const objects = values.map((k, row) => ({ row, y: row % 2, k }));
        const texts = objects.map(({ row, y, k }) => `${row},${y},${k}`);
        const split = { by: "k", train: 0.6, test: 0.3 };
        const [fromCsv, fromRows] = await Promise.all(
          [{ path: write(".csv", `row,y,k\n${texts.join("\n")}\n`) }, { rows: objects }].map((source) =>
            rowsBySplit(source, split).catch(({ report }) => report.what),
          ),
        );
        expect(fromCsv).toEqual(fromRows);
      }),
      { numRuns: 5 },
    );
  });

  it("quarantines rows without a value", async () => {
    const cells = rows.map((row) => (row === 5 ? "" : row));
    const { splits } = await prepare({ source: { path: csvOf(cells) }, split: { by: "k", test: 0.5 } });
    expect(splits.train.reasons).toEqual({ "@split: missing value": 1 });
    expect(splits.train.rowsRead + splits.test!.rowsRead).toBe(count);
  });

  it("refuses columns that do not exist or have no text", async () => {
    const path = await parquet("SELECT 1 AS row, 1 AS y, [1, 2] AS k");
    const message = async (by: string) =>
      (await errorOf(prepare({ source: { path }, split: { by, test: 0.5 } }))).message;
    expect(await message("z")).toMatch(/data\.split\.by[\s\S]*got: +z/);
    expect(await message("k")).toMatch(
      /data\.split\.by: the column k cannot divide the rows[\s\S]*INTEGER\[\]/,
    );
  });
});

describe("split without a column", () => {
  const numbers = rows.map((row) => String(row + 1));
  const wanted = expected(numbers, shares);

  it("goes by the number of the row, in every format", async () => {
    const path = await parquet(`SELECT range AS row, range % 2 AS y FROM range(${count})`);
    expect(await rowsBySplit({ path }, shares)).toEqual(wanted);
    expect(await rowsBySplit({ path }, { ...shares, seed: 3 })).toEqual(expected(numbers, shares, 3));
    expect(await rowsBySplit({ rows: rows.map((row) => ({ row, y: row % 2 })) }, shares)).toEqual(wanted);
    const halves = [rows.slice(0, 150), rows.slice(150)].map((part) =>
      write(".csv", `row,y\n${part.map((row) => `${row},${row % 2}`).join("\n")}\n`),
    );
    expect(await rowsBySplit({ path: halves }, shares)).toEqual(wanted);
  });

  it("learns from the rows that it packs, also if some are malformed", async () => {
    const lines = rows.map(
      (row) => `${row % 50 === 3 ? '"broken" quote' : row},${row % 2},${row % 50 === 7 ? "1,2" : row}`,
    );
    const source = { path: write(".csv", `row,y,v\n${lines.join("\n")}\n`) };
    const learned: FeatureInput = { kind: "id", name: "v", vocabulary: {} };
    const { splits, features } = await prepare({ source, split: shares, maxBadRows: 1 }, [learned]);
    const values = numbersOf(splits.train, "row").map(String);
    expect(features.vocabularies.v.toSorted()).toEqual(values.toSorted());
  });

  it("computes with no row that the sql leaves out", async () => {
    const isNumber = (row: number) => row % 3 !== 0;
    const lines = rows.map((row) => `${isNumber(row) ? row : "none"},${row % 2},${row % 5}`);
    const path = write(".csv", `text,y,k\n${lines.join("\n")}\n`);
    const source = { path, sql: "SELECT CAST(text AS DOUBLE) AS row, y, k FROM source WHERE text <> 'none'" };
    const mean: FeatureInput = { kind: "targetMean", name: "m", columns: ["k"] };
    const { splits } = await prepare({ source, split: shares }, [mean]);
    const numbers = rows.filter(isNumber);
    const found = splitNames.flatMap((name) => numbersOf(splits[name], "row"));
    expect(found.toSorted((a, b) => a - b)).toEqual(numbers);
  });

  it("allows sql that keeps the order of rows, and refuses other sql", async () => {
    const path = await parquet(`SELECT range AS row, range % 2 AS y FROM range(${count})`);
    const keeps = "SELECT row, y, row + 1 AS next FROM source WHERE row % 2 = 0";
    const even = rows.filter((row) => row % 2 === 0);
    const found = await rowsBySplit({ path, sql: keeps }, shares, { label: "y", maxBadRows: 1 });
    const positions = expected(
      even.map((_, i) => String(i + 1)),
      shares,
    );
    expect(found.test).toEqual(positions.test.map((i) => even[i]));
    for (const sql of [
      "SELECT row, any_value(y) AS y FROM source GROUP BY row",
      "SELECT a.* FROM source a JOIN source b USING (row)",
      "SELECT * FROM source ORDER BY y",
    ])
      expect((await errorOf(rowsBySplit({ path, sql }, shares))).message).toMatch(
        /data\.source\.sql: a split without by numbers the rows[\s\S]*data\.split\.by/,
      );
  });
});

describe("split by time", () => {
  const start = Date.UTC(2001, 4, 1);
  const at = (row: number) => new Date(start + row * 3_600_000);
  const shuffled = rows.map((row) => (row * 177) % count);
  const values = shuffled.map((row) => `(${row}, ${row % 2}, TIMESTAMP '${at(row).toISOString()}', ${row})`);
  const select = `SELECT * FROM (VALUES ${values.join(", ")}) t(row, y, t, n)`;
  const csv = () =>
    write(
      ".csv",
      `row,y,t\n${shuffled.map((row) => `${row},${row % 2},${at(row).toISOString()}`).join("\n")}\n`,
    );
  const sorted = (found: Record<string, number[]>) =>
    Object.fromEntries(Object.entries(found).map(([name, of]) => [name, of.toSorted((a, b) => a - b)]));
  const byRow = (valid: number, test: number) => ({
    train: rows.slice(0, valid),
    valid: rows.slice(valid, test),
    test: rows.slice(test),
  });

  it("gives the latest rows to test, whatever their order and format", async () => {
    const split = { time: "t", valid: 0.1, test: 0.2 };
    const sources: SourceInput[] = [
      { path: await parquet(select) },
      { path: await parquet(`SELECT * REPLACE (t::TIMESTAMPTZ AS t) FROM (${select})`) },
      { path: csv() },
      { rows: shuffled.map((row) => ({ row, y: row % 2, t: at(row) })) },
    ];
    for (const source of sources) expect(sorted(await rowsBySplit(source, split))).toEqual(byRow(280, 320));
    const { starts } = await prepare({ source: sources[0], split });
    expect(starts).toEqual({ valid: at(280).toISOString(), test: at(320).toISOString() });
  });

  it("takes numbers, as numbers and as text", async () => {
    const path = await parquet(select);
    expect(sorted(await rowsBySplit({ path }, { time: "n", test: 0.25 }))).toEqual({
      train: rows.slice(0, 300),
      valid: [],
      test: rows.slice(300),
    });
    expect(sorted(await rowsBySplit({ path }, { time: "n", valid: "50", test: "100" }))).toEqual(
      byRow(50, 100),
    );
    const sql = "SELECT * REPLACE (n::VARCHAR AS n) FROM source";
    expect(sorted(await rowsBySplit({ path, sql }, { time: "n", valid: 0.1, test: 0.2 }))).toEqual(
      byRow(280, 320),
    );
  });

  it("never separates rows of the same time, so that a split may have more rows", async () => {
    const path = await parquet(`SELECT range AS row, range % 2 AS y, range // 100 AS t FROM range(${count})`);
    expect(await rowsBySplit({ path }, { time: "t", test: 0.1 })).toEqual({
      train: rows.slice(0, 300),
      valid: [],
      test: rows.slice(300),
    });
    const error = await errorOf(rowsBySplit({ path }, { time: "t", valid: 0.1, test: 0.1 }));
    expect(error.message).toMatch(/the split valid has no rows/);
  });

  it("takes the times at which the splits start", async () => {
    const split = { time: "t", valid: "2001-05-03", test: "2001-05-04 12:00:00+02:00" };
    for (const path of [await parquet(select), csv()])
      expect(sorted(await rowsBySplit({ path }, split))).toEqual(byRow(48, 82));
    const { unassigned } = await prepare({
      source: { path: csv() },
      split: { time: "t", train: "2001-05-02", test: "2001-05-03" },
    });
    expect(unassigned).toBe(24);
  });

  it("compares starts to the microsecond", async () => {
    const times = ["08:15:00.000249", "08:15:00.000250", "08:15:00.000251"].map(
      (time) => `2001-06-18 ${time}`,
    );
    const values = times.map((time, row) => `(${row}, ${row % 2}, '${time}')`);
    const select = `FROM (VALUES ${values.join(", ")}) t(row, y, t)`;
    for (const item of ["t", "t::TIMESTAMP AS t", "t::TIMESTAMPTZ AS t"])
      for (const [start, train] of [
        ["2001-06-18T08:15:00.00025Z", [0]],
        ["2001-06-18T08:15:00.000251Z", [0, 1]],
      ] as const) {
        const source = { path: await parquet(`SELECT row, y, ${item} ${select}`) };
        const { splits, starts } = await prepare({ source, split: { time: "t", test: start } });
        expect([item, numbersOf(splits.train, "row")]).toEqual([item, train]);
        expect(starts!.test).toBe(start.replace("00025Z", "000250Z"));
      }
  });

  it.each([
    ["BIGINT", 1n],
    ["VARCHAR", 1n],
    ["JSON", 1n],
    ["DECIMAL(38,0)", 10n ** 12n],
    ["HUGEINT", 10n ** 12n],
  ])("compares integers with all their digits: %s", async (type, factor) => {
    // Nanoseconds: doubles of this size have steps of 256.
    const first = 1_700_000_000_000_000_001n;
    const times = Array.from({ length: 8 }, (_, i) => String(first * factor + BigInt(i)));
    const values = times.map((time, row) => `(${row}, ${row % 2}, CAST('${time}' AS ${type}))`);
    const rows = times.map((time, row) => ({ row, y: row % 2, t: BigInt(time) }));
    // Parquet has no integers of 128 bits.
    const source: SourceInput =
      type === "HUGEINT"
        ? { rows }
        : { path: await parquet(`SELECT * FROM (VALUES ${values}) v(row, y, t)`) };
    const parts = { train: [0, 1, 2, 3], valid: [4, 5], test: [6, 7] };
    expect(await rowsBySplit(source, { time: "t", valid: 0.25, test: 0.25 })).toEqual(parts);
    expect(await rowsBySplit(source, { time: "t", valid: times[4], test: times[6] })).toEqual(parts);
    const { starts } = await prepare({ source, split: { time: "t", test: 0.25 } });
    expect(starts).toEqual({ test: times[6] });
  });

  it("compares times after 2255 to the microsecond, and integers with starts between them", async () => {
    const times = [1, 2, 3, 4].map((digit) => `9998-12-31 23:59:59.00000${digit}`);
    const lines = times.map((time, row) => `${row},${row % 2},${time},${row}\n`);
    const path = write(".csv", `row,y,t,n\n${lines.join("")}`);
    const { splits, starts } = await prepare({ source: { path }, split: { time: "t", test: 0.5 } });
    expect(numbersOf(splits.test, "row")).toEqual([2, 3]);
    expect(starts).toEqual({ test: "9998-12-31T23:59:59.000003Z" });
    for (const test of ["1.5", "2e0", "+2"])
      expect((await rowsBySplit({ path }, { time: "n", test })).test).toEqual([2, 3]);
  });

  it("reads numbers with a decimal comma, also with by", async () => {
    const numbers = ["1.5", "10.25", "3", "2.75"];
    const file = (decimal: "." | ","): SourceInput => {
      const lines = numbers.map((text, row) => `${row};${row % 2};${text.replace(".", decimal)}\n`);
      return { path: write(".csv", `row;y;t\n${lines.join("")}`), delimiter: ";", decimal };
    };
    for (const test of [0.5, "2.75"])
      expect(await rowsBySplit(file(","), { time: "t", test })).toMatchObject({
        test: test === 0.5 ? [1, 2] : [1, 2, 3],
      });
    const split = { by: "t", test: 0.5, seed: 3 };
    expect(await rowsBySplit(file(","), split)).toEqual(await rowsBySplit(file("."), split));
  });

  it("quarantines rows whose value is no time", async () => {
    const lines = rows.map(
      (row) => `${row},${row % 2},${row === 3 ? "soon" : row === 4 ? "" : at(row).toISOString()}`,
    );
    const path = write(".csv", `row,y,t\n${lines.join("\n")}\n`);
    const { splits } = await prepare({ source: { path }, split: { time: "t", test: 0.5 } });
    expect(splits.train.reasons).toEqual({
      "@split: missing value": 1,
      "@split: not a date or a timestamp": 1,
    });
    expect(splits.train.rows + splits.test!.rows).toBe(count - 2);
  });

  it("refuses starts that do not fit", async () => {
    const path = await parquet(select);
    const message = async (split: DataInput["split"]) =>
      (await errorOf(rowsBySplit({ path }, split))).message;
    expect(await message({ time: "n", test: "2001-05-03" })).toMatch(
      /data\.split\.test: the start of a split is not a value of the column n/,
    );
    expect(await message({ time: "t", test: "15" })).toMatch(/data\.split\.test: the start of a split/);
    // A column of texts may have numbers or times.
    const texts = write(
      ".csv",
      `row,y,n,t\n${values.map((_, i) => `${i},${i % 2},${i},2001-05-0${1 + (i % 9)}`).join("\n")}\n`,
    );
    for (const [time, test] of [
      ["n", "2001-05-03"],
      ["t", "2002"],
    ])
      expect((await errorOf(rowsBySplit({ path: texts }, { time, test }))).message).toMatch(
        `data.split.test: the start of a split is not a value of the column ${time}`,
      );
    expect(await message({ time: "t", valid: "2001-05-09", test: "2001-05-03" })).toMatch(
      /data\.split\.test: the splits do not start one after the other/,
    );
  });
});

it.each<[string, DataInput["split"]]>([
  ["by a column", { by: "k", ...shares }],
  ["by row", shares],
  ["by time", { time: "k", valid: 0.2, test: 0.2 }],
  ["by predicates", { train: "k < 50", test: "k >= 50" }],
])("a scan of a split %s reads the rows that were packed", async (_, split) => {
  const lines = rows.map((row) => `${row},${row % 2},${row % 90}${row % 70 === 1 ? ",9" : ""}`);
  const source = { path: write(".csv", `row,y,k\n${lines.join("\n")}\n`), types: { k: "BIGINT" } };
  const { splits, features } = await prepare({ source, split, maxBadRows: 1 });
  const { data } = { data: dataSchema.parse({ source, split, label: "y" }) };
  const found: number[] = [];
  const options = { label: "y", split: { config: data.split!, name: "test" as const } };
  for await (const { columns } of scanSource(data.source!, features, options))
    found.push(...numbersOf(columns, "row"));
  expect(found).toEqual(numbersOf(splits.test, "row"));
});

describe("the schema", () => {
  const problem = (split: unknown) => {
    const result = dataSchema.safeParse({ source: { path: "a.csv" }, split, label: "y" });
    return result.error?.issues.map(({ path, message }) => `${path.join(".")}: ${message}`).join("; ");
  };
  it.each<[string, unknown, RegExp]>([
    ["by and time", { by: "a", time: "b", test: 0.1 }, /split\.by: a split is either by a hash/],
    ["nothing", { by: "a" }, /split\.test: the split has no part/],
    ["shares and predicates", { train: "a < 1", test: 0.1 }, /split\.train: .*different kinds/],
    ["too much", { train: 0.9, test: 0.2 }, /split\.train: the shares are more than all rows/],
    ["nothing for train", { valid: 0.5, test: 0.5 }, /split\.train: the shares are more than all rows/],
    ["predicates with a seed", { train: "a < 1", seed: 1 }, /split\.seed: seed is for a split with shares/],
    ["predicates with by", { train: "a < 1", by: "b" }, /split\.by: by is for a split with shares/],
    ["a seed and time", { time: "a", test: 0.1, seed: 1 }, /split\.seed: a split by time draws nothing/],
    ["a start that is no time", { time: "a", test: "b > 3" }, /split\.test: with time, a text is the time/],
    ["a day that does not exist", { time: "a", test: "2001-02-30" }, /split\.test: .*this is no time/],
    ["nanoseconds", { time: "a", test: "2001-02-03 00:00:00.0000001" }, /split\.test: .*this is no time/],
    ["white space as a start", { time: "a", test: " " }, /split\.test: .*this is no time/],
    [
      "a time and a number",
      { time: "a", valid: "2001-02-03", test: "2002" },
      /split\.test: one split starts at a time and another at a number/,
    ],
    [
      "no training predicate",
      { test: "a < 1" },
      /split\.train: the predicate of the training split is missing/,
    ],
    ["a share of 1", { train: 1 }, /split\.train/],
  ])("refuses %s", (_, split, message) => {
    expect(problem(split)).toMatch(message);
  });
  it("takes shares that add up to 1", () => {
    for (const split of [
      { train: 0.8, valid: 0.1, test: 0.1 },
      { train: 0.7, valid: 0.2, test: 0.1 },
      { train: 0.1, valid: 0.2, test: 0.7 },
    ])
      expect(problem(split)).toBeUndefined();
  });
});

it("a training split without rows tells of rows that are malformed", async () => {
  const path = nameOf(".csv");
  const lines = Array.from({ length: 30 }, (_, i) => `${i},caf\u00e9 ${i},${i % 2}\n`);
  writeFileSync(path, `row,town,y\n30,plain,1\n${lines.join("")}`, "latin1");
  const split = { train: "town <> 'plain'", test: "town = 'plain'" };
  const error = await errorOf(prepare({ source: { path }, split }));
  expect(error.message).toMatch(/the split train has no rows[\s\S]*30 × malformed row: Invalid unicode/);
  expect(error.message).toMatch(/Correct the malformed rows, or set the encoding .*windows-1252/);
});
