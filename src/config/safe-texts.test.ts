import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { resolveConfig } from "./config.js";

const FEATURES = [
  { kind: "id", name: "user", hash: 10 },
  { kind: "id", name: "item", hash: 10 },
];
const configOf = (over: object) => ({
  data: { train: { path: "rows.csv" }, label: "y" },
  features: FEATURES,
  model: { kind: "fm", features: ["user", "item"] },
  ...over,
});

describe("texts of a config", () => {
  const NAMES = ["a\0b", "\ud800", "x\udc00y", "__proto__", "y".repeat(1_000_000)];
  const PLACES: [string, (name: string) => object][] = [
    ["a label", (label) => ({ data: { train: { path: "rows.csv" }, label } })],
    ["a weight", (weight) => ({ data: { train: { path: "rows.csv" }, label: "y", weight } })],
    ["a column", (column) => ({ features: [{ ...FEATURES[0], column }, FEATURES[1]] })],
    ["a feature", (name) => ({ features: [{ ...FEATURES[0], name }, FEATURES[1]] })],
    ["a table", (embedding) => ({ features: [{ ...FEATURES[0], embedding }, FEATURES[1]] })],
    ["a feature of the model", (name) => ({ model: { kind: "fm", features: ["user", name] } })],
    ["a column's type", (name) => ({ data: { train: { path: "x", types: { [name]: "INT" } }, label: "y" } })],
    ["a label's weight", (name) => ({ train: { labelWeights: { [name]: 1 } } })],
    ["a kind", (kind) => ({ model: { kind } })],
  ];
  it.each(PLACES)("that cannot be a name are refused as %s", (_, over) => {
    for (const name of NAMES) expect(() => resolveConfig(configOf(over(name)))).toThrow(ConfigError);
  });

  it("are free where they are data", () => {
    const rows = [{ user: "\0", item: "\ud800", y: 1, ...JSON.parse('{"__proto__":1}') }];
    const vocabulary = ["__proto__", "constructor", "é", "😀"];
    const features = [{ kind: "id", name: "user", vocabulary }, FEATURES[1]];
    expect(() => resolveConfig(configOf({ features, data: { train: { rows }, label: "y" } }))).not.toThrow();
  });

  it("names such as constructor and toString are names like others", () => {
    const features = ["constructor", "toString", "valueOf"].map((name) => ({ kind: "id", name, hash: 10 }));
    const model = { kind: "fm", features: features.map(({ name }) => name) };
    expect(() => resolveConfig(configOf({ features, model }))).not.toThrow();
  });

  it("nested without end are refused", () => {
    let params: unknown = 1;
    for (let i = 0; i < 100_000; i++) params = [params];
    const features = [{ kind: "custom", name: "c", inputs: ["x"], module: "m.ts", params }];
    expect(() => resolveConfig(configOf({ features }))).toThrow(/nested too deeply/);
  });
});

describe("sizes of a model", () => {
  const features = ["user", "item"];
  const many = Array.from({ length: 1_000_000 }, () => 1);
  const layer = { linearFields: 1, interactionFields: 1, rank: 1, mlp: { hiddenUnits: [1] } };
  it.each([
    { kind: "autoInt", features, attention: { heads: 1_000_000 } },
    { kind: "autoInt", features, attention: { layers: 300_000 } },
    { kind: "autoInt", features, attention: { heads: 1000, layers: 1000 } },
    { kind: "autoInt", features, attention: { headDim: 1e9 } },
    { kind: "dcn", features, cross: { layers: 300_000 } },
    { kind: "dcnV2", features, cross: { layers: 300_000 } },
    { kind: "dcnV2", features, cross: { rank: 2 ** 40 } },
    { kind: "maskNet", features, blocks: { count: 300_000, units: 8 } },
    { kind: "maskNet", features, blocks: { count: 1, units: 1e9 } },
    { kind: "mlp", features, mlp: { hiddenUnits: many } },
    { kind: "wukong", features, layers: many.slice(0, 100_000).map(() => layer) },
    { kind: "fm", features: many.map((_, i) => `f${i}`) },
    { kind: "fm", features, embeddingDim: 2 ** 31 },
  ])("that would keep a process busy for minutes are refused: %#", (model) => {
    expect(() => resolveConfig(configOf({ model }))).toThrow(/^model/);
  });
});
