import { readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("test.csv", csv(rows(200)));
  world.write("other.csv", csv(rows(100)));
  world.write("pairloom.config.json", JSON.stringify(smallConfig()));
  const { code, err } = await train("runs/one", "--set", "train.optimizer.embedding.learningRate=0.05");
  expect([code, err]).toEqual([0, expect.any(String)]);
});
afterAll(() => world.remove());

const train = (run: string, ...args: string[]) =>
  cli("train", ".", "--run", run, "--backend", "reference", ...args);
const configOf = (run: string) => JSON.parse(readFileSync(`${run}/config.json`, "utf8"));

describe("--set", () => {
  it("changes the config of a run, which keeps it", async () => {
    expect(configOf("runs/one").train.optimizer.embedding.learningRate).toBe(0.05);
    const args = [
      "--set",
      "features.user.dim=8",
      "--set=train.batchSize=50",
      "--set",
      "train.metric=logLoss",
    ];
    const { code } = await cli("train", ...args, ".", "--run", "runs/two", "--backend", "reference");
    expect(code).toBe(0);
    expect(configOf("runs/two")).toMatchObject({
      features: [{ name: "user", dim: 8 }, {}, {}],
      train: { batchSize: 50, metric: "logLoss" },
    });
  });

  it("changes where a trained model reads its rows, and nothing that it has learned", async () => {
    const { out } = await cli("eval", "runs/one", "--json", "--set", "data.test.path=other.csv");
    expect(JSON.parse(out)).toMatchObject({ on: "test", rows: 100 });
    const kept = await cli("eval", "runs/one", "--set", "model.embeddingDim=4");
    expect(kept).toMatchObject({
      code: 1,
      err: expect.stringContaining("a trained model keeps this setting"),
    });
  });

  it("of how other rows are read is no fault of the checkpoint", async () => {
    const trained = await train("runs/nulls", "--set", 'data.train.nullValues=["NA"]');
    expect(trained.code, trained.err).toBe(0);
    const args = ["--set", "data.train.nullValues=null", "--data", "other.csv", "--json"];
    const { out, err } = await cli("eval", "runs/nulls", ...args);
    expect(err).not.toContain("checkpoint");
    expect(JSON.parse(out)).toMatchObject({ rows: 100 });
  });

  it("shows the parameters of a config with other settings", async () => {
    const { out } = await cli("inspect", ".", "--set", "model.embeddingDim=3", "--set", "model.dense=null");
    expect(out).toContain("[rows, 3]");
  });

  it("must be repeated to resume a run, which names what is missing", async () => {
    const resumed = await train("runs/one", "--resume");
    expect(resumed.code).toBe(1);
    expect(resumed.err).toMatch(/learningRate: the config differs/);
    expect(resumed.err).toContain(
      "The run was started with --set train.optimizer.embedding.learningRate=0.05: repeat that",
    );
    const repeated = await train(
      "runs/one",
      "--resume",
      "--set",
      "train.optimizer.embedding.learningRate=0.05",
    );
    expect(repeated.code, repeated.err).toBe(0);
  });

  it("that removes what has no default is named, and a bound is said twice", async () => {
    const { err } = await train("runs/three", "--set", "model=null");
    expect(err).toMatch(/model: a value is missing[\s\S]*next: +--set model=null removes the setting/);
    const seeds = await train("runs/three", "--set", "train.seeds=0");
    expect(seeds.err).toMatch(/train\.seeds: [\s\S]*next: +Set train\.seeds to a number above 0\./);
  });

  it("says where a path goes wrong", async () => {
    const { code, err } = await train("runs/three", "--set", "features.usr.dim=8");
    expect(code).toBe(1);
    expect(err).toMatch(/features\.usr: the list has no member "usr"[\s\S]*expected: user/);
    const pair = await train("runs/three", "--set", "train.batchSize");
    expect(pair.err).toMatch(/train\.batchSize: a setting needs a path and a value/);
  });
});
