import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FloatColumn } from "../columns/columns.js";
import { packRows } from "../features/encoder.js";
import { featuresSchema } from "../features/schema/features.js";
import type { LabelKind } from "../features/targets.js";
import { dataSchema } from "./data-config.js";
import { prepareData } from "./prepare.js";
import { scanSource } from "./source/scan.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-targets-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const targets: [label: number | string, weight: number | string][] = [
  [1, 1],
  [0, 0],
  [0.5, 1],
  [2, 1],
  [-1, 1],
  ["nan", 1],
  ["", 1],
  [1, -1],
  [1, "inf"],
  [1, "nan"],
  [1, 1e39], // Beyond float.
  [1, ""],
];

function prepare(labels?: LabelKind) {
  const path = join(folder, "targets.csv");
  writeFileSync(path, `user,y,w\n${targets.map(([y, w]) => `a,${y},${w}\n`).join("")}`);
  const source = { path, types: { y: "DOUBLE", w: "DOUBLE" } };
  const data = dataSchema.parse({ train: source, label: "y", weight: "w", maxBadRows: 1, cacheDir: folder });
  const features = featuresSchema.parse([{ kind: "id", name: "user", hash: 10 }]);
  return { source, prepared: prepareData({ data, features, labels }) };
}

function labelsOf({ rows, columns }: { rows: number; columns: ReadonlyMap<string, unknown> }): number[] {
  const { data, offset, stride } = columns.get("@label") as FloatColumn;
  return Array.from({ length: rows }, (_, r) => data[offset + r * stride]);
}

it("quarantines labels other than 0 and 1, and weights that are no finite number ≥ 0", async () => {
  const { train } = (await prepare().prepared).splits;
  expect(labelsOf(train)).toEqual([1, 0]);
  expect([train.rowsRead, train.quarantined]).toEqual([12, 10]);
  expect(train.reasons).toEqual({
    "@label: neither 0 nor 1": 3,
    "@label: not a finite number": 1,
    "@label: missing value": 1,
    "@weight: negative value": 1,
    "@weight: not a finite number": 3,
    "@weight: missing value": 1,
  });
  const [first] = readFileSync(train.quarantinePath, "utf8").split("\n");
  expect(JSON.parse(first)).toMatchObject({ row: 3, feature: "@label", columns: ["y"], value: "0.5" });
});

it("takes any finite label for regression", async () => {
  const { train } = (await prepare("real").prepared).splits;
  expect(labelsOf(train)).toEqual([1, 0, 0.5, 2, -1]);
});

it("takes whole numbers below the number of classes as class ids", async () => {
  const { train } = (await prepare({ classes: 3 }).prepared).splits;
  expect(labelsOf(train)).toEqual([1, 0, 2]);
  expect(train.reasons).toMatchObject({ "@label: not a class id, 0 to classes - 1": 2 });
});

it("checks labels and weights as they are written, not as 32-bit floats", async () => {
  const near = [1.00000001, 0.99999999, 1e-46, -1e-46];
  const rows = [
    ...near.map((y) => ({ user: "a", y, w: 1 })),
    { user: "a", y: 1, w: -1e-46 },
    { user: "a", y: 1, w: 1 },
  ];
  const data = dataSchema.parse({
    ...{ train: { rows }, label: "y", weight: "w", maxBadRows: 1, cacheDir: folder },
  });
  const features = featuresSchema.parse([{ kind: "id", name: "user", hash: 10 }]);
  for (const [labels, reason] of [
    ["binary", "neither 0 nor 1"],
    [{ classes: 3 }, "not a class id, 0 to classes - 1"],
  ] as const) {
    const { features: fitted, splits } = await prepareData({ data, features, labels });
    const reasons = { [`@label: ${reason}`]: 4, "@weight: negative value": 1 };
    expect(splits.train).toMatchObject({ rows: 1, reasons });
    const { bad } = packRows(fitted, rows, { label: "y", weight: "w", labels });
    expect(bad.map(({ row }) => row)).toEqual([0, 1, 2, 3, 4]);
  }
});

it("refuses the same rows in a scan and from objects", async () => {
  for (const labels of ["binary", "real", { classes: 3 }] as const) {
    const { source, prepared } = prepare(labels);
    const { features, splits } = await prepared;
    const options = { label: "y", weight: "w", labels };
    for await (const { columns, bad } of scanSource(source, features, options)) {
      expect(labelsOf(columns)).toEqual(labelsOf(splits.train));
      const rows = targets.map(([y, w]) => ({
        user: "a",
        y: y === "" ? null : Number(y),
        w: w === "" ? null : w === "inf" ? Number.POSITIVE_INFINITY : Number(w),
      }));
      const encoded = packRows(features, rows, options).bad;
      expect(encoded.map(({ row, feature, reason }) => [row + 1, feature, reason])).toEqual(
        bad.map(({ row, feature, reason }) => [row, feature, reason]),
      );
    }
  }
});

it("packs several labels side by side, and names the one that a row is refused for", async () => {
  const rows = [
    { user: "a", click: 1, buy: 0, w: 2 },
    { user: "a", click: 1, buy: 3, w: 1 },
    { user: "a", click: null, buy: 7, w: 1 },
    { user: "a", click: 0, buy: 1, w: -1 },
    { user: "a", click: 0, buy: 1, w: 0.5 },
  ];
  const label = ["click", "buy"];
  const options = { label, weight: "w" };
  const data = dataSchema.parse({ train: { rows }, ...options, maxBadRows: 1, cacheDir: folder });
  const features = featuresSchema.parse([{ kind: "id", name: "user", hash: 10 }]);
  const { features: fitted, splits } = await prepareData({ data, features });
  const both = ({ columns }: { columns: ReadonlyMap<string, unknown> }) => {
    const { data: values, offset, stride, width } = columns.get("@label") as FloatColumn;
    return [0, 1].map((row) => [...values.subarray(offset + row * stride, offset + row * stride + width)]);
  };
  expect(splits.train.rows).toBe(2);
  expect(both(splits.train)).toEqual([
    [1, 0],
    [0, 1],
  ]);
  const refused = [
    [2, "@label.buy", "neither 0 nor 1"],
    [3, "@label.click", "missing value"],
    [4, "@weight", "negative value"],
  ];
  for await (const batch of scanSource({ rows }, fitted, options)) {
    expect(both(batch.columns)).toEqual(both(splits.train));
    expect(batch.bad.map(({ row, feature, reason }) => [row, feature, reason])).toEqual(refused);
  }
  const { bad, columns } = packRows(fitted, rows, options);
  expect(bad.map(({ row, feature, reason }) => [row + 1, feature, reason])).toEqual(refused);
  expect(both({ columns })[0]).toEqual([1, 0]);
});

it("shows refused labels and weights of JSON as the file has them", async () => {
  const written = ['"x"', "[1]", '{"a":1}', '"T"', "null"];
  const path = join(folder, "written.jsonl");
  const targets = [
    ["true", '"2"'],
    ...written.flatMap((value) => [
      [value, "1"],
      ["0.5", value],
    ]),
    ["0", "-1"],
  ];
  writeFileSync(path, targets.map(([y, w]) => `{"user":"a","y":${y},"w":${w}}\n`).join(""));
  const shown = ["x", "[1]", '{"a":1}', "T", null];
  for (const sql of [undefined, "SELECT * FROM source"]) {
    const data = dataSchema.parse({
      ...{ train: { path, sql }, label: "y", weight: "w", maxBadRows: 1, cacheDir: folder },
    });
    const features = featuresSchema.parse([{ kind: "id", name: "user", hash: 10 }]);
    const { train } = (await prepareData({ data, features, labels: "real" })).splits;
    expect(labelsOf(train)).toEqual([1]);
    const lines = readFileSync(train.quarantinePath, "utf8").trim().split("\n");
    const values = shown.flatMap((value) => [value, value]);
    expect(lines.map((line) => JSON.parse(line).value)).toEqual([...values, "-1"]);
  }
});
