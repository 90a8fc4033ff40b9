import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type DuckDBConnection, DuckDBInstance } from "@duckdb/node-api";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { IdColumn } from "../columns/columns.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, sourceSchema } from "./data-config.js";
import { prepareData } from "./index.js";
import { scanSource } from "./source/scan.js";

/** Files that are read after training have the types of the training data, whatever their own values look like. */

let folder: string;
let connection: DuckDBConnection;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-trained-types-"));
  connection = await (await DuckDBInstance.create()).connect();
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function write(name: string, text: string): string {
  writeFileSync(join(folder, name), text);
  return join(folder, name);
}

const lines = (values: readonly string[]) =>
  `y,x\n${values.map((value, i) => `${i % 2},${value}\n`).join("")}`;
const records = (values: readonly string[]) => values.map((x, i) => `{"y": ${i % 2}, "x": ${x}}\n`).join("");

/** The text that SQL makes of a value shows its type. */
const SQL = "SELECT y, x || '' AS t FROM source";
const FEATURE: FeatureInput = {
  kind: "id",
  name: "t",
  vocabulary: { minCount: 1 },
  outOfVocabulary: "refuse",
};

async function train(text: string, extension: string, sql = SQL) {
  const train = { path: write(`train.${extension}`, text), sql };
  const data = dataSchema.parse({ train, label: "y", cacheDir: join(folder, "cache"), maxBadRows: 1 });
  return (await prepareData({ data, features: featuresSchema.parse([FEATURE]) })).features;
}

type Fitted = Awaited<ReturnType<typeof train>>;

/** The words that the values of a new file are read as. */
async function read(fitted: Fitted, text: string, extension: string, sql = SQL) {
  const path = write(`new.${extension}`, text);
  const words: string[] = [];
  const refused: unknown[] = [];
  const places: string[] = [];
  for await (const batch of scanSource(sourceSchema.parse({ path, sql }), fitted)) {
    const { data, offset, stride } = batch.columns.columns.get("t") as IdColumn;
    for (let r = 0; r < batch.columns.rows; r++)
      words.push(fitted.vocabularies.t[Number(data[offset + r * stride])]);
    refused.push(...batch.bad.map(({ value }) => value));
    places.push(...batch.malformedRows.map(({ line }) => `line ${line}`));
  }
  return { words, refused, places };
}

it.each([
  ["csv", lines],
  ["jsonl", records],
] as const)("integers of a %s file are fractions where training had some", async (extension, rows) => {
  const fitted = await train(rows(["3", "2.5", "3.0", "2.5"]), extension);
  expect(fitted.types).toEqual({ y: "BIGINT", x: "DOUBLE" });
  expect((await read(fitted, rows(["3", "3"]), extension)).words).toEqual(["3.0", "3.0"]);
});

it.each([
  ["csv", lines],
  ["jsonl", records],
] as const)("a fraction in a %s file is refused where training had integers", async (extension, rows) => {
  const fitted = await train(rows(["3", "2", "3", "2"]), extension);
  expect(fitted.types).toEqual({ y: "BIGINT", x: "BIGINT" });
  await expect(read(fitted, rows(["3", "2.5"]), extension)).rejects.toThrow(
    /a value of the column x does not have the type[\s\S]*"?2\.5[\s\S]*BIGINT/,
  );
});

it("a word among the numbers of a text file is quarantined by its line", async () => {
  const fitted = await train(lines(["3", "2", "3", "2"]), "csv");
  const { words, places } = await read(fitted, lines(["3", "two", "2"]), "csv");
  expect(words).toEqual(["3", "2"]);
  expect(places).toEqual(["line 3"]);
});

it("a boolean among the numbers of a JSON file is refused", async () => {
  const fitted = await train(records(["3", "1", "3", "1"]), "jsonl");
  await expect(read(fitted, records(["3", "true"]), "jsonl")).rejects.toThrow(/"true"[\s\S]*BIGINT/);
});

it.each([
  ["codes with leading zeros", ["007", "12", "abc"], ["12", "007"]],
  ["dates and times", ["2001-01-31", "2001-02-01 08:00:00"], ["2001-01-31"]],
  ["booleans", ["true", "false"], ["true"]],
  ["long integers", ["12345678901234567890", "5"], ["5"]],
])("%s in a text file are read as in training", async (_, trained, later) => {
  const text = lines([...trained, ...trained]);
  const fitted = await train(text, "csv");
  const inTraining = await read(fitted, text, "csv");
  const { words, places } = await read(fitted, lines(later), "csv");
  expect(places).toEqual([]);
  expect(words).toEqual(later.map((value) => inTraining.words[trained.indexOf(value)]));
});

it("a column without a value has the type of training", async () => {
  const fitted = await train(lines(["3.5", "2", "3.5", "2"]), "csv");
  const sql = "SELECT y, coalesce(x + 1, 2) || '' AS t FROM source";
  const { words, refused } = await read(fitted, lines(["", ""]), "csv", sql);
  expect([words, refused]).toEqual([["2.0", "2.0"], []]);
});

it("sources of other splits have the types of the training data", async () => {
  const [train, test] = [
    { path: write("a.csv", lines(["3.5", "2", "3.5", "2"])), sql: SQL },
    { path: write("b.csv", lines(["2", "2"])), sql: SQL },
  ];
  const data = dataSchema.parse({ train, test, label: "y", cacheDir: join(folder, "cache") });
  const { features, splits } = await prepareData({ data, features: featuresSchema.parse([FEATURE]) });
  const ids = splits.test!.columns.get("t") as IdColumn;
  expect(features.vocabularies.t[Number(ids.data[ids.offset])]).toBe("2.0");
});

it("a split from a Parquet file of another type has the types of the training data", async () => {
  const path = async (type: string, values: string) => {
    const path = join(folder, `${type}.parquet`);
    await connection.run(
      `COPY (SELECT row_number() OVER () % 2 AS y, x::${type} AS x FROM unnest([${values}]) t(x)) TO '${path}'`,
    );
    return path;
  };
  const [train, valid] = [await path("DOUBLE", "1, 2.5, 3, 4"), await path("BIGINT", "3, 4")];
  const data = dataSchema.parse({
    ...{ train: { path: train, sql: SQL }, valid: { path: valid, sql: SQL } },
    ...{ label: "y", cacheDir: join(folder, "cache") },
  });
  const { features, splits } = await prepareData({ data, features: featuresSchema.parse([FEATURE]) });
  expect(features.types).toEqual({ y: "BIGINT", x: "DOUBLE" });
  expect(splits.valid).toMatchObject({ rows: 2, quarantined: 0 });
  // The score of a row does not depend on the rows beside it, nor on the format.
  expect((await read(features, lines(["1"]), "csv")).words).toEqual(["1.0"]);
  expect((await read(features, lines(["1", "2.5"]), "csv")).words).toEqual(["1.0", "2.5"]);
  expect((await read(features, records(["1"]), "jsonl")).words).toEqual(["1.0"]);
});

it("types of the config are used instead", async () => {
  const fitted = await train(lines(["3", "2", "3", "2"]), "csv");
  const path = write("typed.csv", lines(["3"]));
  const source = sourceSchema.parse({ path, sql: SQL, types: { x: "VARCHAR" } });
  for await (const { columns } of scanSource(source, fitted)) expect(columns.rows).toBe(1);
});

it("names of members that every object has are not types", async () => {
  const fitted = await train(lines(["3", "2"]), "csv");
  const sql = "SELECT y, constructor || '' AS t FROM source";
  const { words } = await read(fitted, "y,constructor\n0,2\n", "csv", sql);
  expect(words).toEqual(["2"]);
});
