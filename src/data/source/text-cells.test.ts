import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { FloatColumn } from "../../columns/columns.js";
import { packRows } from "../../features/encoder.js";
import { type FeatureInput, featuresSchema } from "../../features/schema/features.js";
import { dataSchema, type SourceInput } from "../data-config.js";
import { prepareData } from "../prepare.js";

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-cells-"));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function read(name: string, text: string, source: Partial<SourceInput>, features: FeatureInput[]) {
  const path = join(folder, name);
  writeFileSync(path, text);
  const train = { path, ...source } as SourceInput;
  const data = dataSchema.parse({ train, label: "y", maxBadRows: 1, cacheDir: join(folder, "cache") });
  const { splits, features: fitted } = await prepareData({ data, features: featuresSchema.parse(features) });
  const numbers = (column: string) => {
    const { data: values, offset, stride } = splits.train.columns.get(column) as FloatColumn;
    return Array.from({ length: splits.train.rows }, (_, r) => values[offset + r * stride]);
  };
  const lines = readFileSync(splits.train.quarantinePath, "utf8").split("\n").filter(Boolean);
  return { numbers, bad: lines.map((line) => JSON.parse(line)), vocabulary: fitted.vocabularies.u };
}

const x: FeatureInput = { kind: "number", name: "x" };
const u: FeatureInput = { kind: "id", name: "u", vocabulary: {} };

it("decimal: reads numbers with a comma, and refuses those with a point", async () => {
  const text = "u;x;y\n1,5;1,5;1\n2;-,25;0\n2.5;3e2;1\n1.000;1.000;1\n";
  const { numbers, bad, vocabulary } = await read("comma.csv", text, { delimiter: ";", decimal: "," }, [
    x,
    u,
  ]);
  expect(numbers("x")).toEqual([1.5, -0.25, 300]);
  expect(vocabulary?.toSorted()).toEqual(["1,5", "1.000", "2", "2.5"]);
  expect(bad).toMatchObject([{ line: 5, feature: "x", value: "1.000" }]);
});

it("decimal: holds for every number, whatever else reads its column, and equally for texts of requests", async () => {
  const path = join(folder, "every.csv");
  const cells = ["1,5", "2", "-,25", "2.5", "1.000", " 3,5e1 ", "1,5,2", ""];
  writeFileSync(path, `x;v;y;w\n${cells.map((cell, i) => `${cell};1,5;${i % 2},0;0,5`).join("\n")}\n`);
  const data = dataSchema.parse({
    train: { path, delimiter: ";", decimal: "," },
    ...{ label: "y", weight: "w", maxBadRows: 1, cacheDir: join(folder, "cache") },
  });
  const features: FeatureInput[] = [
    { kind: "number", name: "x" },
    { kind: "id", name: "hashed", column: "x", hash: 1000 },
    { kind: "expression", name: "twice", expression: "2 * x", variables: ["x"] },
    { kind: "number", name: "v", width: 2, separator: "," },
  ];
  const { splits, features: fitted } = await prepareData({ data, features: featuresSchema.parse(features) });
  const rows = cells.map((x, i) => ({ x: x === "" ? null : x, v: "1,5", y: `${i % 2},0`, w: "0,5" }));
  const served = packRows(fitted, rows, { label: "y", weight: "w" });
  const numbers = (columns: typeof served.columns, name: string, count: number) => {
    const { data: values, offset, stride } = columns.get(name) as FloatColumn;
    return Array.from({ length: count }, (_, r) => values[offset + r * stride]);
  };
  const bad = served.bad.map(({ row }) => row);
  expect([bad, splits.train.quarantined]).toEqual([[3, 4, 6], 3]);
  for (const [name, values] of [
    ["x", [1.5, 2, -0.25, 35, 0]],
    ["twice", [3, 4, -0.5, 70, 0]],
    ["@label", [0, 1, 0, 1, 1]],
    ["@weight", [0.5, 0.5, 0.5, 0.5, 0.5]],
  ] as const) {
    expect([name, numbers(splits.train.columns, name, 5)]).toEqual([name, values]);
    const kept = numbers(served.columns, name, cells.length).filter((_, row) => !bad.includes(row));
    expect([name, kept]).toEqual([name, values]);
  }
});

it("decimal: holds for columns that sql reads", async () => {
  const text = "a;x;d;y\n1,5;1;2020-01-01 10:00:00.5;1\n0,25;2;2020-01-02;0\n";
  const sql = "SELECT a * 2 + x AS x, y FROM source WHERE d > TIMESTAMP '2020-01-01 10:00:00.4'";
  const { numbers } = await read("sql.csv", text, { delimiter: ";", decimal: ",", sql }, [x]);
  expect(numbers("x")).toEqual([4, 2.5]);
});

it("trim: removes white space, and what is left may mean missing", async () => {
  const text = "u,x,y\n a , 1 ,1\n\tb\t,NA ,0\n   ,3, 1\na, NA,0\n";
  const features: FeatureInput[] = [{ kind: "number", name: "x", missing: 7 }, u];
  const trimmed = await read("trim.csv", text, { trim: true, nullValues: ["NA"] }, features);
  expect(trimmed.numbers("x")).toEqual([1, 7, 3, 7]);
  expect(trimmed.vocabulary).toEqual(["a", "b"]);
  expect(trimmed.bad).toEqual([]);
  const plain = await read("plain.csv", text, {}, [u]);
  expect(plain.vocabulary?.toSorted()).toEqual(["\tb\t", "   ", " a ", "a"]);
});

it("trim: holds for the names of columns", async () => {
  const { numbers } = await read("trim-names.csv", " x , y\n1,1\n2,0\n", { trim: true }, [x]);
  expect(numbers("x")).toEqual([1, 2]);
});

it("trim: holds for columns that sql reads", async () => {
  const text = "a,y\n 1 ,1\n  ,0\n2.5 ,1\n";
  const sql = "SELECT coalesce(a, 9) + 1 AS x, y FROM source";
  const { numbers } = await read("trim-sql.csv", text, { trim: true, sql }, [x]);
  expect(numbers("x")).toEqual([2, 10, 3.5]);
});

it("nullValues: hold for the elements of a bag", async () => {
  const text = "u,y\na|NA|b,1\nNA|NA,0\nNA,1\n";
  const bag: FeatureInput = { kind: "ids", name: "u", separator: "|", vocabulary: {} };
  const { vocabulary } = await read("bags.csv", text, { nullValues: ["NA"] }, [bag]);
  expect(vocabulary?.toSorted()).toEqual(["a", "b"]);
  const weighted = "u,y\na:1|NA:2|b:3,1\nNA,0\n";
  const read2 = await read("weighted.csv", weighted, { nullValues: ["NA"] }, [{ ...bag, weighted: true }]);
  expect(read2.vocabulary?.toSorted()).toEqual(["a", "b"]);
  const tags: FeatureInput = {
    kind: "combo",
    name: "u",
    inputs: ["u", "y"],
    separator: "|",
    vocabulary: {},
  } as FeatureInput;
  const combined = await read("bags.csv", text, { nullValues: ["NA"] }, [tags]);
  expect(combined.vocabulary?.some((word) => word.includes("NA"))).toBe(false);
});
