import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { BagColumn, ColumnSet, FloatColumn } from "../columns/columns.js";
import { packRows } from "../features/encoder.js";
import { featuresSchema } from "../features/schema/features.js";
import { dataSchema, type SourceInput, sourceSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

/**
 * The entries of a history are cells of a table of events: they are the same in training, in a request that has the lists, and in a
 * later file that has them, with every option that says what the texts of events mean.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-cells-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const write = (name: string, content: string | Buffer) => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};

const FEATURES = featuresSchema.parse([
  { kind: "number", name: "n" },
  { kind: "sequence", name: "ids", sequence: "c", column: "c.x", hash: 1_000_000, separator: "|" },
  {
    kind: "sequence",
    name: "numbers",
    sequence: "c",
    column: "c.p",
    number: { nonFinite: "impute" },
    separator: "|",
  },
  {
    kind: "sequence",
    name: "both",
    sequence: "c",
    column: "c.x",
    number: { nonFinite: "impute" },
    separator: "|",
  },
  { kind: "sequence", name: "buckets", sequence: "c", column: "c.b", buckets: 100, separator: "|" },
]);
const NAMES = ["ids", "numbers", "both", "buckets"];

/** The ids and weights of the entries of each row, by its number. */
function entries({ columns, rows }: ColumnSet): Record<number, unknown> {
  const { data, offset, stride } = columns.get("n") as FloatColumn;
  const entriesOf = (name: string, r: number) => {
    const { values, offsets, weights } = columns.get(name) as BagColumn;
    const [first, last] = [offsets[r], offsets[r + 1]].map(Number);
    return [Array.from(values.slice(first, last), Number), weights && [...weights.slice(first, last)]];
  };
  const all = Array.from({ length: rows }, (_, r) => NAMES.map((name) => entriesOf(name, r)));
  return Object.fromEntries(all.map((lists, r) => [data[offset + r * stride], lists]));
}

const TEXTS = [
  "007",
  "7",
  "7,0",
  "7.0",
  " a ",
  "NA",
  "-",
  " - ",
  "2001-01-02",
  "1,5",
  "1.5",
  "true",
  "ä",
  "",
];
const NUMBERS = ["1,5", "1.5", " 3 ", " 3,5", "NA", "-", "", "1e3", "1,5e1", "true", "-0", "1_0", "x", "99"];

/** Events in which either the texts or the bucket are worth a look: a bucket that is none refuses its row. */
const EVENTS = [
  ...TEXTS.map((x, i) => ({ x, p: NUMBERS[i], b: "5" })),
  ...NUMBERS.map((b) => ({ x: "a", p: "1", b })),
];

const table = (delimiter: string) =>
  [["u", "t", "x", "p", "b"], ...EVENTS.map(({ x, p, b }, i) => [String(i), "1", x, p, b])]
    .map((cells) => cells.map((cell) => (cell.includes(delimiter) ? `"${cell}"` : cell)).join(delimiter))
    .join("\n");

it.each<[string, object]>([
  ["nothing", {}],
  ["nullValues", { nullValues: ["NA", "-"] }],
  ["a decimal comma", { decimal: "," }],
  ["trim", { trim: true }],
  ["all of these", { nullValues: ["NA", "-"], decimal: ",", trim: true }],
  ["a word for missing values that is a number", { nullValues: ["1.5", "NA"], decimal: "," }],
  ["sql", { sql: "SELECT * FROM source WHERE t >= 0", trim: true, decimal: ",", nullValues: ["NA"] }],
  ["semicolons", { delimiter: ";", decimal: "," }],
  ["an encoding", { encoding: "latin-1", decimal: "," }],
  ["a format", { format: "tsv", trim: true }],
])("with %s", async (_, options: { delimiter?: string; encoding?: string; format?: string }) => {
  const delimiter = options.delimiter ?? (options.format === "tsv" ? "\t" : ",");
  const text = Buffer.from(table(delimiter), options.encoding === "latin-1" ? "latin1" : "utf8");
  const rows = EVENTS.map((_, i) => `${i},9,${i},${i % 2}\n`);
  const train = {
    path: write("rows.csv", `u,t,n,y\n${rows.join("")}`),
    events: { c: { path: write("events.data", text), by: "u", time: "t", format: "csv", ...options } },
  } as SourceInput;
  const data = dataSchema.parse({ train, label: "y", cacheDir: folder, maxBadRows: 1 });
  const { splits, features } = await prepareData({ data, features: FEATURES });
  const trained = entries(splits.train);
  expect(Object.keys(trained).length).toBeGreaterThan(TEXTS.length);
  const later = EVENTS.map(({ x, p, b }, n) => ({
    n,
    "c.x": [x || null],
    "c.p": [p || null],
    "c.b": [b || null],
  }));
  const requests = packRows(features, later);
  const refused = new Set(requests.bad.map(({ row }) => String(row)));
  const answered = Object.entries(entries(requests)).filter(([n]) => !refused.has(n));
  expect(Object.fromEntries(answered)).toEqual(trained);
  const path = write("later.jsonl", later.map((row) => JSON.stringify(row)).join("\n"));
  for await (const { columns } of scanSource(sourceSchema.parse({ path }), features))
    expect(entries(columns)).toEqual(trained);
});

/** Types of the events' column x, texts that CSV files have of them, and other values that requests may have. */
const TYPED: readonly [type: string, cells: readonly string[], others: readonly unknown[]][] = [
  ["DATE", ["2001-1-2", "2001-01-02", "1999-12-31"], ["2001/01/02"]],
  ["TIMESTAMP", ["2001-01-02", "2001-01-02 03:04:05"], ["2001-01-02T03:04:05Z", "2001-01-02 00:00:00"]],
  ["DOUBLE", ["7,0", "7", "1,5", "1e3"], [7, 1.5, "7", "1,5"]],
  ["DECIMAL(5,2)", ["7,10", "007,1", "3"], [7.1, "7,1", 3]],
  ["BIGINT", ["007", "7", "+7"], [7, "7", "7,0"]],
  ["BOOLEAN", ["true", "TRUE", "f"], [true, "True", "false"]],
  ["UUID", ["6ba7b8109dad11d180b400c04fd430c8"], ["{6BA7B810-9dad-11d1-80b4-00c04fd430c8}"]],
];

it.each(TYPED)("as a %s of the config of events", async (type, cells, others) => {
  const lines = cells.map((x, i) => `${i};1;${x}\n`);
  const events = {
    ...{ path: write("typed.csv", `u;t;x\n${lines.join("")}`), by: "u", time: "t" },
    ...{ types: { x: type }, decimal: ",", delimiter: ";", nullValues: ["NA"] },
  };
  const rows = cells.map((_, i) => `${i},9,${i},${i % 2}\n`);
  const path = write("rows.csv", `u,t,n,y\n${rows.join("")}9,9,9,0\n`);
  const train = { path, events: { c: events } } as SourceInput;
  const data = dataSchema.parse({ train, label: "y", cacheDir: folder, maxBadRows: 1 });
  const features = featuresSchema.parse([
    { kind: "number", name: "n" },
    { kind: "sequence", name: "ids", sequence: "c", column: "c.x", hash: 1_000_000, separator: "|" },
  ]);
  const { splits, features: fitted } = await prepareData({ data, features });
  const idsOf = (set: ColumnSet) => {
    const { values, offsets } = set.columns.get("ids") as BagColumn;
    return Array.from({ length: set.rows }, (_, r) => [
      ...values.slice(Number(offsets[r]), Number(offsets[r + 1])),
    ]);
  };
  const texts = [...cells, "NA"];
  const later = [...texts.map((x) => [x]), texts, [], ...others.map((x) => [x])].map((x, n) => ({
    n,
    "c.x": x,
  }));
  const requests = packRows(fitted, later);
  expect(requests.bad).toEqual([]);
  const expected = idsOf(requests);
  const trained = idsOf(splits.train);
  expect(expected.slice(0, cells.length)).toEqual(trained.slice(0, cells.length));
  const scan = async (name: string, content: string) => {
    const source = sourceSchema.parse({ path: write(name, content), events: { c: events } });
    for await (const { columns } of scanSource(source, fitted)) return idsOf(columns);
  };
  expect(await scan("later.jsonl", later.map((row) => JSON.stringify(row)).join("\n"))).toEqual(expected);
  expect(await scan("later.csv", `n,c.x\n0,"${texts.join("|")}"\n1,\n`)).toEqual([
    expected[texts.length],
    [],
  ]);
  for (const x of ["x", "-"]) {
    expect(packRows(fitted, [{ n: 1, "c.x": [x] }]).bad.length).toBe(1);
    await expect(scan("later.jsonl", JSON.stringify({ n: 1, "c.x": [x] }))).rejects.toThrow("c.x");
  }
});

it("rows with only some of the lists of a sequence are refused, and so are lists where the config trains on events", async () => {
  const events = { c: { path: write("events.csv", "u,t,x,p,b\n1,1,a,1,5\n"), by: "u", time: "t" } };
  const train = { path: write("rows.csv", "u,t,n,y\n1,9,1,0\n2,9,2,1\n"), events };
  const data = { label: "y", cacheDir: folder, maxBadRows: 1 };
  const { features } = await prepareData({ data: dataSchema.parse({ train, ...data }), features: FEATURES });
  const some = sourceSchema.parse({ path: write("some.jsonl", '{"n":1,"c.x":["a"],"c.p":[1]}'), events });
  const scan = async () => {
    for await (const _ of scanSource(some, features));
  };
  await expect(scan()).rejects.toThrow(
    /only some of the lists of the history c[\s\S]*c\.x, c\.p without c\.b/,
  );
  const both = { ...train, path: write("both.csv", "u,t,n,y,c.x\n1,9,1,0,a\n2,9,2,1,b\n") };
  const again = prepareData({ data: dataSchema.parse({ train: both, ...data }), features: FEATURES });
  await expect(again).rejects.toThrow(/have a list of the history themselves[\s\S]*EXCLUDE \("c\.x"\)/);
});

it("texts that mean missing are so within the lists of an entry, which are not trimmed", async () => {
  const tags = [["NA", "b", " c "], ["NA"], []];
  const lines = tags.map((x, t) => JSON.stringify({ u: 1, t, x }));
  const events = { c: { path: write("tags.jsonl", lines.join("\n")), by: "u", time: "t" } };
  const train = {
    ...{ path: write("rows.csv", "u,t,n,y\n1,9,1,0\n2,9,2,1\n"), nullValues: ["NA"], trim: true },
    events,
  };
  const features = featuresSchema.parse([
    { kind: "number", name: "n" },
    { kind: "entryBags", name: "tags", sequence: "c", column: "c.x", hash: 1_000_000 },
  ]);
  const data = dataSchema.parse({ train, label: "y", cacheDir: folder });
  const { splits, features: fitted } = await prepareData({ data, features });
  const idsOf = ({ columns }: ColumnSet) => {
    const { values, offsets, weights } = columns.get("tags") as BagColumn;
    return [[...values.slice(0, Number(offsets[1]))], [...weights!.slice(0, Number(offsets[1]))]];
  };
  const row = { n: 1, "c.x": tags };
  const [ids, places] = idsOf(splits.train);
  expect(places).toEqual([0, 0]);
  const known = packRows(fitted, [{ n: 1, "c.x": [["b", " c "]] }]);
  expect(idsOf(known)[0]).toEqual(ids);
  expect(idsOf(packRows(fitted, [row]))).toEqual([ids, places]);
  const source = sourceSchema.parse({ path: write("later.jsonl", JSON.stringify(row)) });
  for await (const { columns } of scanSource(source, fitted)) expect(idsOf(columns)).toEqual([ids, places]);
});
