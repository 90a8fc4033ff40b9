import { describe, expect, it } from "vitest";
import { refuseUnusedEvaluation } from "../run/needs-valid.js";
import { otherSource } from "../run/sources.js";
import { resolveConfig } from "./config.js";

// biome-ignore lint/suspicious/noExplicitAny: tests put wrong values into it
const small = (): any => ({
  data: { train: { path: "rows.csv" }, label: "clicked", weight: "w" },
  features: [
    { kind: "id", name: "user", hash: 100 },
    { kind: "id", name: "item", hash: 100 },
    { kind: "number", name: "price", normalize: "zscore" },
  ],
  model: { kind: "fm", features: ["user", "item"] },
});
// biome-ignore lint/suspicious/noExplicitAny: as above
const resolved = (spoil: (config: any) => void) => {
  const config = small();
  spoil(config);
  return resolveConfig(config);
};

describe("a feature that reads the answer", () => {
  it.each([
    [{ kind: "number", name: "clicked" }, "label"],
    [{ kind: "id", name: "x", columns: ["user", "clicked"], hash: 9 }, "label"],
    [{ kind: "number", name: "x", column: "w" }, "weight"],
    [{ kind: "expression", name: "x", variables: { a: "clicked" }, expression: "a + 1" }, "label"],
  ])("is refused: %j", (feature, key) => {
    expect(() => resolved((config) => config.features.push(feature))).toThrow(
      new RegExp(`^features\\[3\\]: the feature ".*" reads the column of data.${key}`),
    );
  });
});

describe("a mean of labels", () => {
  const rate = { kind: "targetMean", name: "rate", columns: ["user"] };
  const add = (change: object) => () =>
    resolved((config) => {
      config.features.push(rate);
      Object.assign(config, change);
    });

  it("needs one label that is a number", () => {
    expect(add({})).not.toThrow();
    expect(add({ train: { loss: { kind: "squaredError" }, metric: "xauc" } })).not.toThrow();
    const data = { ...small().data, label: ["clicked", "bought"] };
    expect(add({ data })).toThrow(/features\[3\][\s\S]*the labels clicked, bought/);
    const train = { loss: { kind: "softmaxCrossEntropy", classes: 3 }, metric: "accuracy" };
    expect(add({ train })).toThrow(/features\[3\][\s\S]*whose labels are classes/);
  });

  it("does not read the label", () => {
    expect(() => resolved((config) => config.features.push({ ...rate, columns: ["clicked"] }))).toThrow(
      /reads the column of data.label/,
    );
  });
});

describe("settings of evaluation", () => {
  const schedule = { kind: "reduceOnPlateau" };
  it.each([
    [{ earlyStopping: { metric: "auc", patience: 1 } }, "train.earlyStopping"],
    [{ evaluateEvery: 10 }, "train.evaluateEvery"],
    [{ optimizer: { dense: { kind: "adam", schedule } } }, "train.optimizer.dense.schedule"],
    [
      { optimizer: { overrides: [{ pattern: "x", embedding: { kind: "sgd", schedule } }] } },
      "train.optimizer.overrides[0].embedding.schedule",
    ],
  ])("want a validation split: %j", (train, where) => {
    const config = resolved((spoilt) => Object.assign(spoilt, { train }));
    expect(() => refuseUnusedEvaluation(config)).toThrow(`${where}: this needs a validation split`);
    const valid = { ...config.data, valid: { path: "valid.csv" } };
    expect(() => refuseUnusedEvaluation({ ...config, data: valid })).not.toThrow();
  });
});

describe("sizes", () => {
  it.each<[string, (config: ReturnType<typeof small>) => void]>([
    ["train.batchSize", (config) => Object.assign(config, { train: { batchSize: 2 ** 20 + 1 } })],
    ["train.threads", (config) => Object.assign(config, { train: { threads: 1025 } })],
    ["features[0].dim", (config) => Object.assign(config.features[0], { dim: 65_537 })],
    ["model.embeddingDim", (config) => Object.assign(config.model, { embeddingDim: 65_537 })],
    [
      "model.mlp.hiddenUnits[0]",
      (config) =>
        Object.assign(config, { model: { kind: "mlp", features: ["user"], mlp: { hiddenUnits: [1e6] } } }),
    ],
  ])("of %s have a limit", (where, spoil) => {
    expect(() => resolved(spoil)).toThrow(`${where}: a value is out of range`);
  });
});

describe("other files than those of the config", () => {
  it("are read with the options that fit their format", () => {
    const rules = { skip: 2, header: true, encoding: "latin-1", decimal: ",", trim: true } as const;
    const text = { ...rules, types: { zip: "VARCHAR" }, format: "csv" } as const;
    const { data } = resolved((config) => Object.assign(config.data.train, text));
    const read = (file: string) => otherSource(data, { files: [file] });
    expect(read("a.csv")).toEqual({ path: ["a.csv"], ...rules, types: { zip: "VARCHAR" } });
    expect(read("a.jsonl.gz")).toEqual({ path: ["a.jsonl.gz"], types: { zip: "VARCHAR" } });
    expect(read("a.parquet")).toEqual({ path: ["a.parquet"] });
  });
});

describe("messages", () => {
  const message = (spoil: (config: ReturnType<typeof small>) => void) => {
    try {
      resolved(spoil);
    } catch (error) {
      return (error as Error).message;
    }
    return "";
  };
  const normalize = (value: unknown) =>
    message((config) => Object.assign(config.features[2], { normalize: value }));

  it("list the forms of a union, and what was meant", () => {
    expect(normalize("z-score")).toBe(
      [
        "features[2].normalize: a value has none of the allowed forms",
        '  got:      "z-score"',
        '  expected: "log", "zscore", "minmax", or { mean, std }, or { min, max }, or { expression }',
        '  next:     Did you mean "zscore"?',
      ].join("\n"),
    );
    expect(message((config) => Object.assign(config.data.train, { path: 7 }))).toMatch(
      /data\.train\.path: [\s\S]*expected: a text, or a list/,
    );
  });

  it("say once what an expression has and wants", () => {
    for (const text of [
      normalize({ expression: "log(x" }),
      message((config) =>
        config.features.push({
          kind: "lookup",
          name: "l",
          map: "m",
          key: "k",
          normalize: { expression: "log(x" },
        }),
      ),
      message((config) =>
        config.features.push({ kind: "expression", name: "e", variables: ["a"], expression: "log(a" }),
      ),
    ]) {
      expect(text).toMatch(
        /^features\[\d\]\.(normalize\.)?expression: the expression "log\([xa]" cannot be read/,
      );
      expect(text.match(/got:/g)).toHaveLength(1);
      expect(text.match(/next:/g)).toHaveLength(1);
      expect(text).toMatch(/expected: .*[\s\S]*next: +Use [xa] with/);
    }
    expect(normalize({ expression: `${"(".repeat(1e5)}x` })).toMatch(/at most 100 levels of/);
  });

  it("show numbers that JSON has not", () => {
    expect(message((config) => Object.assign(config, { train: { batchSize: Number.NaN } }))).toMatch(
      /got: +NaN/,
    );
  });
});

describe("$schema", () => {
  it("is for editors, and not part of the config", () => {
    const $schema = "./config.schema.generated.json";
    expect(resolveConfig({ $schema, ...small() })).toEqual(resolveConfig(small()));
    expect(() => resolveConfig({ $schema: 3, ...small() })).toThrow(/^\$schema: /);
  });
});
