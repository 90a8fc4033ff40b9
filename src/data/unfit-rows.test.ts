import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { ColumnSet, FloatColumn } from "../columns/columns.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, type SourceConfig } from "./data-config.js";
import { readQuarantine } from "./pack/quarantine.js";
import { prepareData } from "./prepare.js";

/** A text that is no number, in a column of numbers that SQL computes with. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-unfit-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const number: FeatureInput = { kind: "number", name: "n", missing: 7 };

const write = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

function numbersOf({ rows, columns }: ColumnSet, name: string): number[] {
  const { data, offset, stride } = columns.get(name) as FloatColumn;
  return Array.from({ length: rows }, (_, r) => data[offset + r * stride]);
}

/** Labels, weights and numbers of the used rows, and the refused rows. */
async function read(source: Partial<SourceConfig>, sql?: string, feature = number) {
  const train = { ...source, ...(sql !== undefined && { sql }) };
  const data = dataSchema.parse({ train, label: "y", weight: "w", maxBadRows: 1, cacheDir: folder });
  const { splits } = await prepareData({ data, features: featuresSchema.parse([feature]), labels: "real" });
  const { rows, columns, quarantinePath, rowsRead, quarantined } = splits.train;
  expect(rowsRead).toBe(rows + quarantined);
  const used = ["@label", "@weight", "n"].map((name) => numbersOf({ rows, columns }, name));
  return { used, refused: readQuarantine(quarantinePath) };
}

const numberText = fc.constantFrom("1", "0", "0.5", "007", "1e2", "+5", ".5", " 2", "3\t");
const oddText = fc.constantFrom(
  ...[
    "true",
    "FALSE",
    " true",
    "\tFalse\n",
    "1_0",
    "+-5",
    "x",
    "T",
    "yes",
    "nan",
    "inf",
    "1e400",
    "0x10",
    "1,5",
  ],
  ...["", " ", "\t", "\u00a01", "1e-400", "--1", "5.", "12345678901234567890", "a\nb"],
);
const text = fc.oneof({ weight: 4, arbitrary: numberText }, { weight: 1, arbitrary: oddText });

const field = (value: string) => (/[",\n\t]/.test(value) ? `"${value}"` : value);

it.each(["refuse", "impute"] as const)(
  "leaves out the rows that are refused without SQL: %s",
  async (nonFinite) => {
    const feature: FeatureInput = { ...number, nonFinite };
    const row = fc.tuple(text, text, text);
    const file = fc.array(row, { minLength: 20, maxLength: 60 });
    let run = 0;
    await fc.assert(
      fc.asyncProperty(fc.tuple(file, file), async (files) => {
        const paths = files.map((rows, i) => {
          const lines = rows.map((fields) => fields.map(field).join(","));
          return write(`${nonFinite}${run}-${i}.csv`, `y,w,n\n${lines.join("\n")}\n`);
        });
        run++;
        const plain = await read({ path: paths }, undefined, feature);
        const sql = "SELECT * FROM source WHERE coalesce(y + w + n, 0) IS NOT NULL";
        const named = await read({ path: paths }, sql, feature);
        expect(named.used).toEqual(plain.used);
        expect(named.refused).toHaveLength(plain.refused.length);
      }),
      { numRuns: 3 },
    );
  },
);

it("takes a column of white space for missing", async () => {
  const path = write("blank.csv", "y,w,n\n1,1, \n0,1,\t\n");
  const named = await read({ path }, "SELECT * FROM source WHERE n IS NULL");
  expect(named).toEqual(await read({ path }));
  expect(named.used).toEqual([
    [1, 0],
    [1, 1],
    [7, 7],
  ]);
});

it("is missing for SQL too where the features take it for missing, unless a label or another feature refuses it", async () => {
  const path = write("imputed.csv", "y,w,n\n1,1,1\n0,1,word\n1,1,1_0\n0,1,3\n1,1,4\n");
  const imputed: FeatureInput = { ...number, nonFinite: "impute" };
  const named = await read({ path }, "SELECT * FROM source WHERE n IS NULL OR n > 2", imputed);
  expect(named.used[2]).toEqual([7, 7, 3, 4]);
  const strict: FeatureInput = { ...number, name: "m", column: "n" };
  const refusals = async (features: FeatureInput[], label: string) => {
    const train = { path, sql: "SELECT * FROM source WHERE n > 0 OR n IS NULL" };
    const data = dataSchema.parse({ train, label, maxBadRows: 1, cacheDir: folder });
    const prepared = await prepareData({ data, features: featuresSchema.parse(features), labels: "real" });
    return readQuarantine(prepared.splits.train.quarantinePath).map(({ line }) => line);
  };
  expect(await refusals([imputed], "y")).toEqual([]);
  expect(await refusals([imputed, strict], "y")).toEqual([3, 4]);
  expect(await refusals([imputed], "n")).toEqual([3, 4]);
  expect(await refusals([{ ...imputed, missing: "refuse" }], "y")).toEqual([3, 4]);
});

it("lists each row with its file and line, beside malformed rows and rows that a feature refuses", async () => {
  const first = write("lines-a.csv", 'y,n,t\n1,1,"a\nb"\n\n1_0,1,c\n0,1,d,e\n0,1,\n+-5,1,f\n');
  const second = write("lines-b.csv", 'y,n,t\n1,1,"g\n\nh"\n1,2,\n1,x,i\n0,1,j\n');
  const data = dataSchema.parse({
    source: { path: [first, second] },
    split: { train: "y + n < 9" },
    ...{ label: "y", maxBadRows: 1, cacheDir: folder },
  });
  const features = featuresSchema.parse([
    { ...number, missing: "refuse" },
    { kind: "id", name: "t", hash: 10, missing: "refuse" },
  ]);
  const { train } = (await prepareData({ data, features })).splits;
  expect([train.rows, train.rowsRead]).toEqual([3, 9]);
  const places = readQuarantine(train.quarantinePath).map(({ file, line, columns, value }) => [
    file,
    line,
    columns,
    value,
  ]);
  expect(places).toEqual([
    [first, 7, ["t"], null],
    [second, 5, ["t"], null],
    [first, 6, undefined, "0,1,d,e"],
    [first, 5, ["y"], "1_0,1,c"],
    [first, 8, ["y"], "+-5,1,f"],
    [second, 6, ["n"], "1,x,i"],
  ]);
});

it("holds in files after the training data: truth values are numbers, other words and 1_0 are left out", async () => {
  const train = write("trained.csv", "y,n\n1,1\n0,2\n");
  const later = write("later.csv", "y,n\ntrue,1\nFALSE,TRUE\n1_0,1\n1,x\n1,+-5\n0,3\n");
  const sql = "SELECT * REPLACE (y + 0 AS y) FROM source WHERE n < 9";
  const data = dataSchema.parse({
    ...{ train: { path: train, sql }, valid: { path: later, sql } },
    ...{ label: "y", maxBadRows: 1, cacheDir: folder },
  });
  const { valid } = (await prepareData({ data, features: featuresSchema.parse([number]) })).splits;
  expect(numbersOf(valid!, "@label")).toEqual([1, 0, 0]);
  expect(readQuarantine(valid!.quarantinePath).map(({ line }) => line)).toEqual([4, 5, 6]);
});
