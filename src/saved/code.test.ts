import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { writeCheckpoint } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { readFiles } from "../data/learn/learn.js";
import { fitFeatures } from "../features/fit.js";
import { load } from "../serve/load.js";

let folder: string;
let module: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "pairloom-code-"));
  module = join(folder, "length.ts");
  // The module leaves a trace when it runs.
  const code = `import { writeFileSync } from "node:fs";
    writeFileSync(${JSON.stringify(join(folder, "trace"))}, "");
    export const lengths = ([texts]: string[][]) => texts.map((text) => text.length);`;
  writeFileSync(module, code);
});
afterEach(() => rmSync(folder, { recursive: true }));

const traced = () => existsSync(join(folder, "trace"));

/** A model whose logit is twice the length of the text. */
async function save(): Promise<string> {
  const feature = { kind: "custom", name: "length", inputs: ["text"], module, export: "lengths" };
  const config = resolveConfig({
    data: { train: { path: "unused.csv" }, label: "y" },
    features: [feature],
    model: { kind: "logisticRegression", features: ["length"] },
  });
  const features = fitFeatures(config.features, {
    vocabularies: {},
    numbers: {},
    ...readFiles(config.features),
  });
  const tensor = (value: number, shape: number[]) =>
    ({ dtype: "F32", shape, data: Float32Array.of(value) }) as const;
  const run = join(folder, "run");
  await writeCheckpoint(run, {
    ...{ step: 1, epoch: 0, epochStep: 1, seed: 1, reader: {}, trainer: {}, metrics: {}, config, features },
    model: new Map([
      ["linear.weight", tensor(2, [1, 1])],
      ["linear.bias", tensor(0, [1])],
    ]),
    optimizer: new Map(),
  });
  return run;
}

it("load runs no module that the checkpoint names", async () => {
  const run = await save();
  await expect(load(run, { backend: "reference" })).rejects.toThrow(
    /the feature length is computed by a function[\s\S]*functions: \{ length: … \}/,
  );
  expect(traced()).toBe(false);
});

it("load runs the function that the caller gives", async () => {
  const run = await save();
  rmSync(module);
  const functions = { length: ([texts]: readonly (readonly unknown[])[]) => texts.map(() => 7) };
  const model = await load(run, { backend: "reference", functions });
  expect(Array.from(model.logits([{ text: "abc" }]))).toEqual([14]);
  const misspelled = load(run, { backend: "reference", functions: { lenght: functions.length } });
  await expect(misspelled).rejects.toThrow(/takes this function[\s\S]*got: {6}lenght\n {2}expected: length/);
});

it("load imports the unchanged module where the caller allows it", async () => {
  const run = await save();
  const model = await load(run, { backend: "reference", importModules: true });
  expect(traced()).toBe(true);
  expect(Array.from(model.logits([{ text: "abc" }]))).toEqual([6]);
});

it("load imports no module that has changed since training", async () => {
  const run = await save();
  writeFileSync(module, readFileSync(module, "utf8").replace("text.length", "0"));
  await expect(load(run, { backend: "reference", importModules: true })).rejects.toThrow(
    /the module of a custom feature is not the file that the checkpoint was trained with/,
  );
  expect(traced()).toBe(false);
});
