import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { ColumnSet, FloatColumn, IdColumn } from "../columns/columns.js";
import { packRows } from "../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataSchema, sourceSchema } from "./data-config.js";
import { prepareData } from "./index.js";
import { scanSource } from "./source/scan.js";

/** Where `types` gives a column its type, a value of a CSV file, of a JSON file and of a request is the same, or all refuse it. */

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-typed-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let files = 0;
function write(extension: string, text: string): string {
  const path = join(folder, `f${files++}.${extension}`);
  writeFileSync(path, text);
  return path;
}

const csv = (texts: readonly string[]) =>
  write(
    "csv",
    `y,i,x\n${texts.map((text, i) => `${i % 2},${i},"${text.replaceAll('"', '""')}"\n`).join("")}`,
  );
const jsonLines = (values: readonly unknown[]) =>
  write("jsonl", values.map((x, i) => `${JSON.stringify({ y: i % 2, i, x })}\n`).join(""));

const ID: FeatureInput = { kind: "id", name: "k", column: "x", hash: 1_000_000 };
const NUMBER: FeatureInput = { kind: "number", name: "k", column: "x", missing: -7 };
const IMPUTED: FeatureInput = { kind: "number", name: "k", column: "x", missing: -7, nonFinite: "impute" };
const BAG: FeatureInput = { kind: "ids", name: "k", column: "x", hash: 1_000_000 };

/** Features fitted on a file with a value of the type. */
async function fit(type: string, good: string, feature: FeatureInput) {
  const train = { path: csv([good, good]), types: { x: type } };
  const data = dataSchema.parse({ train, label: "y", cacheDir: join(folder, "cache") });
  return (await prepareData({ data, features: featuresSchema.parse([feature]) })).features;
}
type Fitted = Awaited<ReturnType<typeof fit>>;

/** The ids of a row as a text, or its number. */
function resultOf({ columns }: ColumnSet, row: number): unknown {
  const column = columns.get("k")!;
  if (column.kind === "ids")
    return column.values.slice(Number(column.offsets[row]), Number(column.offsets[row + 1])).join();
  const { data, offset, stride } = column as IdColumn | FloatColumn;
  return Number(data[offset + row * stride]);
}

const REFUSED = "refused";

/** The ids or the number of each value of a file. */
async function fromFile(fitted: Fitted, path: string, types: Record<string, string>, count: number) {
  const results: unknown[] = Array(count).fill(REFUSED);
  for await (const batch of scanSource(sourceSchema.parse({ path, types }), fitted, { passthrough: ["i"] }))
    batch.passthrough.get("i")!.forEach((i, row) => {
      results[Number(i)] = resultOf(batch.columns, row);
    });
  return results;
}

/** The only value of a file. */
async function alone(fitted: Fitted, path: string, type: string): Promise<unknown> {
  try {
    return (await fromFile(fitted, path, { x: type }, 1))[0];
  } catch (error) {
    if (/column x|types\.x|Not of type/.test(String(error))) return REFUSED;
    throw error;
  }
}

function fromRequest(fitted: Fitted, x: unknown): unknown {
  const encoded = packRows(fitted, [{ x }]);
  return encoded.bad.length > 0 ? REFUSED : resultOf(encoded, 0);
}

/** How many values that requests refuse are read from files of their own; all with `TYPED_VALUES=1`. */
const REFUSED_VALUES = process.env.TYPED_VALUES ? Number.POSITIVE_INFINITY : 1;
const RANDOM_TEXTS = process.env.TYPED_VALUES ? 1000 : 60;

const digit = fc.constantFrom(..."0123456789");
const digits = (most: number) =>
  fc.array(digit, { minLength: 1, maxLength: most }).map((list) => list.join(""));
const oneOf = (...texts: string[]) => fc.constantFrom(...texts);
const joined = (...parts: fc.Arbitrary<string>[]) => fc.tuple(...parts).map((list) => list.join(""));
const numbers = joined(
  oneOf("", "", "-", "+", " ", "--"),
  fc.oneof(
    digits(3),
    digits(20),
    oneOf("0", "00", "127", "128", "255", "9223372036854775807", "9007199254740993"),
  ),
  fc.oneof(
    oneOf("", "", ".", ".0", ".50"),
    digits(12).map((text) => `.${text}`),
  ),
  oneOf("", "", "", "", "e2", "E-1", "e400", " ", "_0", "x"),
);
const two = fc.oneof(
  oneOf("0", "00", "1", "01", "9", "12", "23", "28", "29", "31", "59"),
  fc.nat(70).map(String),
);
const zones = oneOf("", "", "", "Z", " UTC", "+00", "+02", "-05:30", "+15:59", "+16", "z", " CET");
const clock = joined(
  two,
  oneOf(":", ":", "."),
  two,
  fc.oneof(
    oneOf(""),
    joined(oneOf(":"), two, oneOf("", "", ".5", ".123456", ".123456789", ".000", "."), zones),
  ),
);
const days = joined(
  oneOf("2001", "1969", "9999", "0001", "1677", "2262", "10000", "+2001", "99"),
  oneOf("-", "/"),
  two,
  oneOf("-", "/"),
  two,
);
const times = fc.oneof(
  days,
  joined(days, oneOf(" ", "T", "  "), clock),
  joined(days, oneOf(" ", "T"), clock),
);

const WORDS = [
  " ",
  "true",
  "False",
  "T",
  "yes",
  "NO",
  "1",
  "0",
  "nan",
  "-inf",
  "Infinity",
  "epoch",
  "infinity",
  "null",
  "0x1F",
  "1_000",
  "½",
  ".",
  "-",
  "1,5",
  "today",
];
const DAYS = [
  "2001-01-31",
  "2001-1-5",
  "2001/01/31",
  "2001-01-31 00:00:00",
  "2001-01-31T08:15:00.250Z",
  "2001-02-29",
  "44-03-15 (BC)",
  "2001-01-31x",
  "2001-01-31 24:00:00",
  " 2001-01-31\t",
];
const UUID = "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11";

const TYPES: readonly [type: string, good: string, texts: readonly string[], random: fc.Arbitrary<string>][] =
  [
    ["TINYINT", "1", [], numbers],
    ["UBIGINT", "1", ["-0", "18446744073709551615", "18446744073709551616"], numbers],
    ["BIGINT", "1", ["69637251832769565.590", "+5", "007", "7.00", "1e5"], numbers],
    ["HUGEINT", "1", ["12345678901234567890123.0", "1e22"], numbers],
    ["DECIMAL(5,2)", "1", ["0.125", "1.50", ".5", "5.", "-.0", "1000"], numbers],
    ["DECIMAL(20,17)", "1", ["6e-17", "0.00000000000000006", "1.5E-3", "12.5e1", "123e15"], numbers],
    ["DECIMAL(38,10)", "1", ["866557736772272767.2525160245654434416"], numbers],
    ["FLOAT", "1", ["16777217", "3.4028236e38", "0.1"], numbers],
    ["DOUBLE", "1", ["1e400", "1e-400", "100000.0", "1E5"], numbers],
    ["BOOLEAN", "true", ["TRUE", "f", "on", "01", " true"], oneOf("y", "n", "tr", "2")],
    ["DATE", "2001-01-31", DAYS, times],
    ["TIMESTAMP", "2001-01-31", DAYS, times],
    ["TIMESTAMP_S", "2001-01-31", DAYS, times],
    ["TIMESTAMP_NS", "2001-01-31", DAYS, times],
    ["TIMESTAMP WITH TIME ZONE", "2001-01-31", DAYS, times],
    ["TIME", "08:00", ["8:5", "24:00:00", "08:00:00.500", "08:00:00Z", "8"], clock],
    ["TIME WITH TIME ZONE", "08:00", ["8:5:1+02", "08:00:00-05:30"], clock],
    ["UUID", UUID, [UUID.toUpperCase(), UUID.replaceAll("-", ""), `{${UUID}}`, `{${UUID}`], oneOf("a0")],
    [
      "BIGINT[]",
      "[1]",
      [
        "[1, 2]",
        "[1.0]",
        "[1.5]",
        "[ ]",
        "[null, 3]",
        "[1,2,]",
        "[true,1]",
        "[,]",
        "[x]",
        "1",
        "[69637251832769565.590]",
      ],
      numbers.map((text) => `[${text}, 7]`),
    ],
  ];

const isNumeric = (type: string) => /INT|DECIMAL|FLOAT|DOUBLE|BOOLEAN/.test(type) && !type.endsWith("]");

describe.each(TYPES)("a column of the type %s", (type, good, listed, random) => {
  const numbers = isNumeric(type) ? [NUMBER] : [];
  const features = type.endsWith("]")
    ? [BAG]
    : [ID, ...numbers, ...(type === "BIGINT" || type === "DOUBLE" ? [IMPUTED] : [])];

  it.each(features as readonly FeatureInput[])(
    "has the same values in files and requests, as %j",
    async (feature) => {
      const fitted = await fit(type, good, feature);
      const texts = new Set([good, ...listed, ...WORDS, ...fc.sample(random, RANDOM_TEXTS)]);
      // A text in brackets is no list of JSON.
      const writers = feature.kind === "ids" ? [csv] : [csv, jsonLines];
      await compare(fitted, type, [...texts], writers);
      if (feature.kind !== "ids") await compare(fitted, type, VALUES, [jsonLines]);
    },
  );
});

const VALUES = [0, 1, 2, -3, 1.5, 1e-7, 1e21, 300, true, false];

/** Those that requests accept are read from one file, of the others some from files of their own. */
async function compare<T>(
  fitted: Fitted,
  type: string,
  values: readonly T[],
  writers: readonly ((values: readonly T[]) => string)[],
) {
  const served = new Map(values.map((value) => [value, fromRequest(fitted, value)]));
  const accepted = values.filter((value) => served.get(value) !== REFUSED);
  const refused = fc.sample(
    fc.shuffledSubarray(values.filter((value) => served.get(value) === REFUSED)),
    1,
  )[0];
  for (const write of writers) {
    const results =
      accepted.length === 0 ? [] : await fromFile(fitted, write(accepted), { x: type }, accepted.length);
    expect(accepted.map((value, i) => [value, results[i]])).toEqual(
      accepted.map((value) => [value, served.get(value)]),
    );
    for (const value of refused.slice(0, REFUSED_VALUES))
      expect([value, await alone(fitted, write([value]), type)]).toEqual([value, REFUSED]);
  }
}

it.each([
  ["DATE", "2001-01-31T00:00:00.000Z", "2001-01-31T08:15:00.250Z"],
  ["TIMESTAMP_S", "2001-01-31T08:15:00.000Z", "2001-01-31T08:15:00.250Z"],
])(
  "a Date of a request in a column of the type %s is refused if the type would change it",
  async (type, same, other) => {
    const fitted = await fit(type, "2001-01-31", ID);
    expect(fromRequest(fitted, new Date(same))).toBe(fromRequest(fitted, same));
    expect(fromRequest(fitted, new Date(other))).toBe(REFUSED);
  },
);

it("weighted ids of a column of times of day are its texts, in files as in requests", async () => {
  const feature: FeatureInput = { kind: "ids", name: "k", column: "x", hash: 1_000_000, weighted: true };
  const texts = ["08:15:00", "23:59:59.5"];
  const train = { path: jsonLines([texts, texts]), sql: "SELECT y, x::TIME[] AS x FROM source" };
  const data = dataSchema.parse({ train, label: "y", cacheDir: join(folder, "cache") });
  const { features, splits } = await prepareData({ data, features: featuresSchema.parse([feature]) });
  expect(resultOf(splits.train, 0)).toBe(fromRequest(features, texts));
});

it("a feature reads no column of a text file as a type whose texts requests do not read", async () => {
  await expect(fit("VARCHAR[]", "[a]", BAG)).rejects.toThrow(/types\.x: [\s\S]*VARCHAR\[\]/);
});
