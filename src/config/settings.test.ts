import { describe, expect, it } from "vitest";
import { ConfigError } from "../errors.js";
import { type Config, configWith, resolveConfig } from "./config.js";
import { leavesOf } from "./paths.js";
import { parseSetting } from "./settings.js";

const written = {
  data: { source: { path: "rows.csv" }, split: { train: 0.8, test: 0.2 }, label: "y" },
  features: [
    { kind: "id", name: "user", hash: 100 },
    { kind: "id", name: "item", vocabulary: {} },
  ],
  model: { kind: "fm", embeddingDim: 8, features: ["user", "item"] },
  train: { batchSize: 64, epochs: 2 },
};

const set = (...texts: string[]): Config => resolveConfig(configWith(written, texts.map(parseSetting)));

function reportOf(...texts: string[]): ConfigError["report"] {
  try {
    set(...texts);
  } catch (error) {
    if (error instanceof ConfigError) return error.report;
  }
  throw new Error("there is no ConfigError");
}

describe("parseSetting", () => {
  it.each([
    ["train.batchSize=512", "train.batchSize", 512],
    ["data.label=clicked", "data.label", "clicked"],
    ['data.label="1"', "data.label", "1"],
    ['data.source.types["a=b"]=DATE', 'data.source.types["a=b"]', "DATE"],
    ["data.split.train=day < 3 AND x = 1", "data.split.train", "day < 3 AND x = 1"],
    ["model.x=[1, 2]", "model.x", [1, 2]],
    ["a=", "a", ""],
  ])("reads %s", (text, path, value) => {
    expect(parseSetting(text)).toEqual({ path, value });
  });

  it.each(["train.batchSize", "=3", "train.batchSize 512"])("refuses %s", (text) => {
    expect(() => parseSetting(text)).toThrow(/needs a path and a value/);
  });
});

describe("configWith", () => {
  it("replaces values, by name in lists, and adds the objects on the way", () => {
    const { features, train, data } = set(
      "features.item.dim=4",
      "features[0].dim=4",
      "train.optimizer.embedding.learningRate=0.5",
      "data.source.types.user=VARCHAR",
    );
    expect(features).toMatchObject([{ dim: 4 }, { dim: 4 }]);
    const before = resolveConfig(written).train.optimizer;
    expect(train.optimizer.embedding).toEqual({ ...before.embedding, learningRate: 0.5 });
    expect(train.optimizer.dense).toEqual(before.dense);
    expect(data.source!.types).toEqual({ user: "VARCHAR" });
  });

  it("chooses another kind, and replaces or removes a whole value", () => {
    expect(set("train.optimizer.dense.kind=sgd").train.optimizer.dense.kind).toBe("sgd");
    expect(set('train.optimizer.dense={"kind":"sgd","learningRate":2}').train.optimizer.dense).toMatchObject({
      learningRate: 2,
    });
    expect(set("train.epochs=null", "train.steps=7").train).toMatchObject({ steps: 7 });
    expect(set("train.epochs=null").train.epochs).toBe(resolveConfig({ ...written, train: {} }).train.epochs);
  });

  it("gives the same config where every value is set to itself", () => {
    const whole = resolveConfig(written);
    for (const [path, value] of leavesOf(whole))
      expect(resolveConfig(configWith(written, [{ path, value }]))).toEqual(whole);
  });

  it("changes nothing that it was given", () => {
    const copy = structuredClone(written);
    set("features.user.hash=7", "train.epochs=null");
    expect(written).toEqual(copy);
  });

  it("names the place of an unknown key and similar ones", () => {
    expect(reportOf("train.optimizer.embedding.learninRate=1")).toMatchObject({
      where: "train.optimizer.embedding.learninRate",
      next: 'Did you mean "learningRate"?',
    });
    expect(reportOf("train.optimzer.embedding.learningRate=1")).toMatchObject({
      where: "train.optimzer",
      next: 'Did you mean "optimizer"?',
    });
    expect(reportOf("features.itme.dim=3")).toMatchObject({
      where: "features.itme",
      expected: "item",
    });
    expect(reportOf("train.batchSize=many")).toMatchObject({ where: "train.batchSize", got: '"many"' });
  });
});
