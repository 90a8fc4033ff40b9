import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, expectTypeOf, it } from "vitest";
import { writeCheckpoint } from "../checkpoint/index.js";
import { defineConfig, resolveConfig } from "../config/config.js";
import { ConfigError } from "../errors.js";
import { fitFeatures } from "../features/fit.js";
import { load } from "./load.js";
import type { Predictor } from "./predictor.js";
import type { RowOf } from "./row.js";

const shops = ["a", "b"];
const pairs = ["a\u0001x", "b\u0001y"];
const config = defineConfig({
  data: { train: { path: "unused.csv" }, label: "clicked" },
  features: [
    { kind: "id", name: "hour", buckets: 4 },
    { kind: "id", name: "shop", vocabulary: shops },
    { kind: "id", name: "pair", columns: ["shop", "city"], vocabulary: pairs },
    { kind: "number", name: "price", normalize: { mean: 10, std: 4 } },
    { kind: "ids", name: "tags", column: "tag_list", buckets: 3, pooling: "mean" },
    { kind: "ids", name: "likes", vocabulary: shops, weighted: true, separator: "|" },
    { kind: "ids", name: "views", column: "likes", vocabulary: shops, weighted: true, pooling: "mean" },
  ],
  model: {
    kind: "logisticRegression",
    features: ["hour", "shop", "pair", "price", "tags", "likes", "views"],
  },
});
type Row = RowOf<typeof config>;

/** Weights of every table row: value, then the unknown, then the missing one. */
const weights = {
  hour: [0.1, 0.2, 0.3, 0.4, -0.9],
  shop: [1, 2, -1, -2],
  pair: [0.5, 0.25, -0.125, 0],
  tags: [0.3, 0.6, 0.9],
  likes: [0.7, -0.2, 0.05],
  views: [2, 4, 8],
};
const [bias, perPrice] = [-0.75, 0.5];

let folder: string;
let model: Predictor<Row>;
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-serve-"));
  const resolved = resolveConfig(config);
  const tensor = (values: number[], shape: number[]) =>
    ({ dtype: "F32", shape, data: Float32Array.from(values) }) as const;
  const features = fitFeatures(resolved.features, {
    vocabularies: { shop: shops, pair: pairs, likes: shops, views: shops },
    numbers: {},
  });
  const tables = Object.entries(weights).map(([name, values]) => {
    const { rows } = features.features.find((feature) => feature.name === name) as { rows: number };
    expect(rows).toBe(values.length);
    return [`linear.${name}.weight`, tensor(values, [values.length, 1])] as const;
  });
  await writeCheckpoint(folder, {
    ...{ step: 1, epoch: 0, epochStep: 1, seed: 1, reader: {}, trainer: {}, metrics: {} },
    ...{ config: resolved, features },
    model: new Map([
      ...tables,
      ["linear.weight", tensor([perPrice], [1, 1])],
      ["linear.bias", tensor([bias], [1])],
    ]),
    optimizer: new Map(),
  });
  model = await load<typeof config>(folder, { backend: "reference" });
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const sigmoid = (x: number) => 1 / (1 + Math.exp(-x));

describe("a loaded predictor", () => {
  it("computes what its weights say", () => {
    const rows: Row[] = [
      { hour: 2, shop: "b", city: "y", price: 14, tag_list: [0, 2], likes: { a: 0.5, b: 2 } },
      { hour: "3", shop: "new", city: null, price: 10, tag_list: "1", likes: ["new:-3"] },
      { hour: null, shop: null, city: null, price: null, tag_list: null, likes: null },
    ];
    const expected = [
      bias + 0.3 + 2 + 0.25 + perPrice * 1 + (0.3 + 0.9) / 2 + (0.5 * 0.7 - 2 * 0.2) + (0.5 * 2 + 2 * 4) / 2,
      bias + 0.4 - 1 - 0.125 + 0 + 0.6 - 3 * 0.05 - 3 * 8,
      bias - 0.9 - 2 + 0 + 0 + 0,
    ];
    Array.from(model.logits(rows)).forEach((logit, i) => {
      expect(logit).toBeCloseTo(expected[i], 6);
    });
    Array.from(model.predict(rows)).forEach((probability, i) => {
      expect(probability).toBeCloseTo(sigmoid(expected[i]), 6);
    });
    expect(model.predictOne(rows[1])).toBeCloseTo(sigmoid(expected[1]), 6);
  });

  it("gives the same for a row alone and among thousands", () => {
    const rows = Array.from({ length: 2500 }, (_, i) => ({
      ...{ hour: i % 4, shop: i % 2 ? "a" : "b", city: "x", price: i % 30 },
      ...{ tag_list: [i % 3], likes: i % 5 ? { a: i / 7, b: -i } : null },
    }));
    const all = model.predict(rows);
    for (const i of [0, 1023, 1024, 2047, 2048, 2499]) expect(model.predictOne(rows[i])).toBe(all[i]);
  });

  it("takes weighted ids as a text or as a map, with the same result", () => {
    const row = { hour: 1, shop: "a", city: "x", price: 1, tag_list: [] };
    const entries = [
      { key: "a", value: 0.1 },
      { key: "b", value: 2.3 },
    ];
    const separate = entries.map(({ key, value }) => `${key}:${value}`);
    const forms: Row["likes"][] = [
      { a: 0.1, b: 2.3 },
      new Map([["a", 0.1] as const, ["b", 2.3]]),
      entries,
      separate,
    ];
    const scores = model.logits(forms.map((likes) => ({ ...row, likes })));
    expect(new Set(scores).size).toBe(1);
    expect(() => model.predictOne({ ...row, likes: "a:0.1,b:much" })).toThrow(
      /the feature likes refuses the row.*an id's weight is not a finite number/s,
    );
  });

  it("names the row, the feature and the value that it refuses", () => {
    const row = { hour: 1, shop: "a", city: "x", price: 1, tag_list: [], likes: null };
    expect(() => model.predict([row, { ...row, hour: 4 }])).toThrow(
      /rows\[1\]: the feature hour refuses the row\n +got: +hour: 4 \(integer outside/,
    );
    expect(() => model.predict([row, { ...row, price: Number.NaN }, { ...row, hour: 9 }])).toThrow(
      /the feature price refuses the row, and 1 more/,
    );
  });
});

describe("rows that are not as they should be", () => {
  const row = { hour: 1, shop: "a", city: "x", price: 1, tag_list: [], likes: {} };
  // biome-ignore lint/suspicious/noExplicitAny: what JavaScript may hand over
  const predict = (rows: any) => model.predict(rows);

  it("without a column are refused, with the name that was perhaps meant", () => {
    const { price: _, ...rest } = row;
    expect(() => predict([row, { ...rest, prise: 3 }])).toThrow(
      /rows\[1\]: the column price is not in the row[\s\S]*expected: price[\s\S]*"prise" meant to be "price"/,
    );
    expect(() => predict([{}])).toThrow(/the column hour is not in the row\n +got: +no columns/);
    expect(() => predict([{ ...row, price: undefined }])).toThrow(/set price: null/);
  });

  it("are objects in a list", () => {
    for (const bad of [null, [1, 2], "row", 3, undefined])
      expect(() => predict([row, bad])).toThrow(/rows\[1\]: a row is not an object/);
    for (const bad of [null, row, "rows", undefined])
      expect(() => predict(bad)).toThrow(/the rows to score are not a list/);
  });

  it("are shown whatever they hold", () => {
    const circular: Record<string, unknown> = {};
    circular.self = circular;
    expect(() => predict([{ ...row, shop: circular }])).toThrow(/shop: \{"self":\[circular\]\}/);
    expect(() => predict([{ ...row, price: [2n] }])).toThrow(/price: \[2n\]/);
  });
});

describe("options of load", () => {
  // biome-ignore lint/suspicious/noExplicitAny: what JavaScript may hand over
  const refusal = (options: any) => expect(load(folder, options)).rejects;

  it("that do not exist are refused", async () => {
    await refusal({ theads: 2 }).toThrow(/load\(\): theads: unknown key "theads"[\s\S]*"threads"/);
    await refusal({ backend: "gpu" }).toThrow(/load\(\): backend: [\s\S]*"native", "reference"/);
    await refusal({ threads: 0 }).toThrow(/load\(\): threads: a value is out of range/);
    await refusal({ checkpoint: "newest" }).toThrow(ConfigError);
  });
});

describe("row types", () => {
  it("are the columns that features read, with the values they take", () => {
    expectTypeOf<keyof Row>().toEqualTypeOf<"hour" | "shop" | "city" | "price" | "tag_list" | "likes">();
    expectTypeOf<Row["price"]>().toEqualTypeOf<number | null>();
    expectTypeOf<string>().toExtend<Row["hour"]>();
    expectTypeOf<number[]>().toExtend<Row["tag_list"]>();
    expectTypeOf<{ a: number }>().toExtend<Row["likes"]>();
    expectTypeOf<{ key: string; value: number }[]>().toExtend<Row["likes"]>();
    expectTypeOf<{ key: string }[]>().not.toExtend<Row["likes"]>();
    expectTypeOf<string>().not.toExtend<Row["price"]>();
    expectTypeOf<RowOf<unknown>>().toEqualTypeOf<Readonly<Record<string, unknown>>>();
  });
});
