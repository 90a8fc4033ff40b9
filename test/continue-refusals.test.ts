import { existsSync, readdirSync, rmSync } from "node:fs";
import { afterAll, beforeAll, beforeEach, expect, it } from "vitest";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

/** What `train --continue` refuses, by the path of the setting; the run stays as it is. */

let world: World;
// biome-ignore lint/suspicious/noExplicitAny: tests put wrong values into it
const config = (change: (config: any) => void = () => undefined) => {
  const made = smallConfig();
  made.data = { train: { path: "days/*.csv" }, label: "clicked" };
  made.train.epochs = 1;
  change(made);
  world.write("pairloom.config.json", JSON.stringify(made));
};
const goOn = (...args: string[]) => cli("train", ".", "--run", "run", "--continue", ...args);
const checkpoints = () => readdirSync("run/checkpoints").sort();

beforeAll(async () => {
  world = makeWorld();
  world.write("days/1.csv", csv(rows(300)));
  config();
  expect((await cli("train", ".", "--run", "run")).code).toBe(0);
});
beforeEach(() => {
  config();
  world.write("days/1.csv", csv(rows(300)));
  world.write("days/2.csv", csv(rows(100)));
});
afterAll(() => world.remove());

async function refuses(expected: RegExp, ...args: string[]): Promise<void> {
  const before = checkpoints();
  const { code, err } = await goOn(...args);
  expect(err).toMatch(expected);
  expect(code).not.toBe(0);
  expect(checkpoints()).toEqual(before);
  expect(existsSync("run/stretches.jsonl")).toBe(false);
}

// biome-ignore lint/suspicious/noExplicitAny: tests put wrong values into it
const CHANGES: [path: string, change: (config: any) => void][] = [
  ["model.final.hiddenUnits[0]", ({ model }) => Object.assign(model.final, { hiddenUnits: [8] })],
  ["features[0].hash", ({ features }) => Object.assign(features[0], { hash: 50 })],
  ["features[2].normalize", ({ features }) => Object.assign(features[2], { normalize: "log1p" })],
  [
    "features[1].vocabulary.minCount",
    ({ features }) => Object.assign(features[1], { vocabulary: { minCount: 3 } }),
  ],
  ["train.batchSize", ({ train }) => Object.assign(train, { batchSize: 64 })],
  [
    "train.optimizer.dense.kind",
    ({ train }) => Object.assign(train, { optimizer: { dense: { kind: "sgd", learningRate: 0.1 } } }),
  ],
  ["data.label", ({ data }) => Object.assign(data, { label: "price" })],
];

it.each(CHANGES)("a changed %s", async (path, change) => {
  config(change);
  await refuses(new RegExp(path.replaceAll(/[[\].]/g, "\\$&")));
});

it.each(['{ "kind": "cosine", "to": "end" }', '{ "kind": "linear", "to": "end" }'])(
  "a schedule with an end: %s",
  async (schedule) => {
    for (const part of ["dense", "embedding"])
      await refuses(
        new RegExp(`train\\.optimizer\\.${part}\\.schedule`),
        "--set",
        `train.optimizer.${part}.schedule=${schedule}`,
      );
  },
);

it.each(["epochs=3", "evaluateEvery=2", "earlyStopping.patience=4"])(
  "another length of the first training: train.%s",
  async (setting) => {
    const [key] = setting.split(/[.=]/);
    const reason = new RegExp(`train\\.${key}[^:]*: new rows are trained on in one pass`);
    await refuses(reason, "--set", `train.${setting}`);
  },
);

it("a file that was read and has changed", async () => {
  world.write("days/1.csv", csv(rows(301)));
  await refuses(/days\/1\.csv/);
});

it("--resume, --baselines and --steps", async () => {
  await refuses(/--continue cannot be used with --resume/, "--resume");
  await refuses(/--continue cannot be used with --baselines/, "--baselines");
  await refuses(/--continue cannot be used with --steps/, "--steps", "3");
});

it("a first training that has not ended, whose report is not written yet", async () => {
  rmSync("run/report.json");
  await refuses(/the first training of the run has not ended[\s\S]*--resume/);
});

it("a run of several seeds, and a directory without a run", async () => {
  config(({ train }) => Object.assign(train, { seeds: 2 }));
  expect((await cli("train", ".", "--run", "seeds")).code).toBe(0);
  const several = await cli("train", ".", "--run", "seeds", "--continue");
  expect([several.code, several.err]).toEqual([1, expect.stringContaining("train.seeds")]);
  const none = await cli("train", ".", "--run", "nothing", "--continue");
  expect([none.code, none.err]).toEqual([1, expect.stringContaining("nothing")]);
});
