import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { dataSchema } from "../data/data-config.js";
import { prepareData } from "../data/index.js";
import { type FeatureInput, featuresSchema } from "../features/schema/features.js";
import { dataWarnings, sameKeyWarnings, warningText } from "./data-warnings.js";
import { splitReports } from "./report.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-warnings-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const FEATURES: FeatureInput[] = [
  { kind: "id", name: "item", vocabulary: {} },
  { kind: "id", name: "hour", buckets: 24, outOfRange: "bucket", missing: { value: 0 } },
  { kind: "ids", name: "tags", vocabulary: {}, separator: "|" },
  { kind: "number", name: "price", missing: 0 },
  { kind: "number", name: "size", column: "price", boundaries: [1], missing: 0 },
  { kind: "number", name: "vector", width: 2, separator: "|" },
];

function csv(name: string, lines: readonly string[]): string {
  const path = join(folder, name);
  writeFileSync(path, ["item,hour,tags,price,vector,y", ...lines, ""].join("\n"));
  return path;
}

it("counts missing and unknown values by feature and split, and warns where splits differ much", async () => {
  const train = csv("train.csv", ["12,1,a|b,0,1|2,1", "13,2,NA,1,1|2,0", "12,,,2,,1", "13,99,a,,3|4,0"]);
  const valid = csv("valid.csv", ["12.0,1,c,,1|2,1", "13.0,2,a,,1|2,0"]);
  const data = dataSchema.parse({
    train: { path: train },
    valid: { path: valid },
    label: "y",
    cacheDir: folder,
  });
  const prepared = await prepareData({ data, features: featuresSchema.parse(FEATURES) });
  const reports = splitReports(prepared);
  expect(reports.train.features).toEqual({
    hour: { missing: 0.25, unknown: 0.25 },
    tags: { missing: 0.25, unknown: 0 },
    price: { missing: 0.25, unknown: 0 },
    size: { missing: 0.25, unknown: 0 },
    vector: { missing: 0.25, unknown: 0 },
  });
  expect(reports.valid.features).toEqual({
    item: { missing: 0, unknown: 1 },
    tags: { missing: 0, unknown: 0.5 },
    price: { missing: 1, unknown: 0 },
    size: { missing: 1, unknown: 0 },
  });
  const texts = dataWarnings(prepared).map(warningText);
  expect(texts).toContain(
    "item is unknown in 0.0 % of train, 100.0 % of valid: compare how the values are written in each split",
  );
  expect(texts).toContain(
    "price is missing in 25.0 % of train, 100.0 % of valid: compare the column in each split",
  );
  expect(texts).toContain(
    "tags has a row for NA: if that means missing, list it in nullValues of the source",
  );
});

it("warns of hashed ids that are written in another way", async () => {
  const lines = Array.from({ length: 200 }, (_, i) => `${i % 50},${i % 24},${i % 7}|${i % 5},1,,${i % 2}`);
  const train = csv("as-integers.csv", lines);
  const valid = csv(
    "as-floats.csv",
    lines.map((line) => line.replace(",", ".0,")),
  );
  const features: FeatureInput[] = [
    { kind: "id", name: "item", hash: 100_000 },
    { kind: "id", name: "hour", buckets: 24 },
    { kind: "ids", name: "tags", hash: 1000, separator: "|" },
  ];
  const data = dataSchema.parse({
    ...{
      train: { path: train },
      valid: { path: valid },
      test: { path: train },
      label: "y",
      cacheDir: folder,
    },
  });
  const prepared = await prepareData({ data, features: featuresSchema.parse(features) });
  expect(dataWarnings(prepared)).toEqual([{ about: "unseen", feature: "item", split: "valid" }]);
});

it("warns of the mean label of folds beside an id of the same key, unless rows are divided by time", () => {
  const warned = (split: object, columns: string[]) =>
    sameKeyWarnings({
      data: dataSchema.parse({ source: { path: "x.csv" }, split, label: "y" }),
      features: featuresSchema.parse([
        { kind: "id", name: "pair", columns: ["b", "a"], hash: 100 },
        { kind: "id", name: "a", buckets: 5 },
        { kind: "targetMean", name: "share", columns },
      ]),
    });
  const random = { seed: 1, valid: 0.1 };
  expect(warned(random, ["a", "b"])).toEqual([{ about: "sameKey", mean: "share", id: "pair" }]);
  expect(warned(random, ["a"])).toEqual([{ about: "sameKey", mean: "share", id: "a" }]);
  expect(warned(random, ["b"])).toEqual([]);
  expect(warned({ time: "t", valid: 0.1 }, ["a"])).toEqual([]);
  expect(warningText(warned(random, ["a"])[0])).toMatch(/^share and a have the same key/);
});

it.each([
  ["007", "7", '"007" in the rows and "7" in the events'],
  ["7 ", "7", '"7 " in the rows and "7" in the events'],
  ["7.0", "7", '"7.0" in the rows and "7" in the events'],
])("warns of keys of histories that never meet: %j and %j", async (row, event, example) => {
  const path = (name: string, text: string) => {
    writeFileSync(join(folder, name), text);
    return join(folder, name);
  };
  const prepare = (key: string) => {
    const events = { c: { path: path("events.csv", `u,t,x\n${event},1,a\nv,1,b\n`), by: "u", time: "t" } };
    const train = { path: path("rows.csv", `u,t,y\n${key},2,0\n${key},1,1\nw,2,1\n`), events };
    const features = featuresSchema.parse([
      { kind: "sequence", name: "items", sequence: "c", column: "c.x", hash: 9 },
    ]);
    return prepareData({ data: dataSchema.parse({ train, label: "y", cacheDir: folder }), features });
  };
  const apart = await prepare(row);
  expect(splitReports(apart).train.features.items.missing).toBe(1);
  expect(apart.keys).toMatchObject({ "data.train.events.c": { by: "u", keys: 2, found: 0 } });
  expect(dataWarnings(apart).map(warningText)).toEqual([
    expect.stringContaining(`hardly any u of the rows occurs in data.train.events.c (0 of 2)`),
  ]);
  expect(warningText(dataWarnings(apart)[0])).toContain(example);
  // Packed data of an earlier run says it, too.
  expect(dataWarnings(await prepare(row))).toEqual(dataWarnings(apart));
  const same = await prepare(event);
  expect(splitReports(same).train.features.items.missing).toBeCloseTo(2 / 3);
  expect(same.keys).toMatchObject({ "data.train.events.c": { keys: 2, found: 1 } });
  expect(dataWarnings(same)).toEqual([]);
});
