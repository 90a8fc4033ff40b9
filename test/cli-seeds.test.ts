import { cpSync, readFileSync, rmSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { load } from "../src/index.js";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

/** A run with `train.seeds` is one model for every command. */
let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("valid.csv", csv(rows(150)));
  world.write("test.csv", csv(rows(200)));
  const config = smallConfig();
  config.data.valid = { path: "valid.csv" };
  config.train.seeds = 2;
  config.train.epochs = 1;
  world.write("pairloom.config.json", JSON.stringify(config));
  const trained = await cli("train", ".", "--run", "runs/mean", "--baselines");
  expect(trained.code).toBe(0);
  expect(trained.out).toMatch(/report\.json, metrics\.jsonl, members\/\n/);
  expect(trained.err).toMatch(
    /dlrm, seed 1, step 5: valid [\s\S]*dlrm, seed 2, step 5: valid [\s\S]*dlrm, step 10: valid /,
  );
});
afterAll(() => world.remove());

const json = (path: string) => JSON.parse(readFileSync(path, "utf8"));

it("is measured, evaluated and served as the mean of its members", async () => {
  const report = json("runs/mean/report.json");
  expect(report.training).toMatchObject({ step: 10, members: [{ seed: 1 }, { seed: 2 }] });
  expect(report.results.map(({ name }: { name: string }) => name)).toEqual([
    "dlrm",
    "logistic regression",
    "base rate",
  ]);
  const { out } = await cli("eval", "runs/mean", "--json");
  expect(JSON.parse(out).auc).toBeCloseTo(report.results[0].auc, 6);

  const requests = rows(50).map(({ clicked, ...row }) => row);
  const [mean, ...members] = await Promise.all(
    ["runs/mean", "runs/mean/members/seed-1", "runs/mean/members/seed-2"].map((run) => load(run)),
  );
  const [all, ...each] = [mean, ...members].map((model) => model.logits(requests));
  all.forEach((logit, row) => {
    expect(logit).toBeCloseTo((each[0][row] + each[1][row]) / 2, 6);
  });

  await cli("predict", "runs/mean", "--data", "test.csv", "--output", "scores.csv");
  const [, first] = readFileSync("scores.csv", "utf8").split("\n");
  expect(Number(first.split(",")[1])).toBeCloseTo(1 / (1 + Math.exp(-all[0])), 6);
});

it("shows the parameters of all members, of the run and of its config", async () => {
  for (const what of ["runs/mean", "."]) {
    const { out } = await cli("inspect", what);
    expect(out).toContain("members.0.embeddings.user.weight");
    expect(out).toContain("members.1.embeddings.user.weight");
  }
});

it("is not trained into a directory that has members", async () => {
  const again = await cli("train", ".", "--run", "runs/mean");
  expect(again.err).toContain("already has a run");
  const resumed = await cli("train", ".", "--run", "runs/mean", "--resume");
  expect(resumed.code).toBe(0);
});

it("that was killed shows the curves of its members, and the mean of their best checkpoints", async () => {
  cpSync("runs/mean", "runs/killed", { recursive: true });
  for (const name of ["report.json", "metrics.jsonl", "checkpoints"])
    rmSync(`runs/killed/${name}`, { recursive: true });
  const { out } = await cli("report", "runs/killed", "--json");
  const { curves, leftOut } = JSON.parse(out);
  const splits = new Set(curves.map(({ split }: { split: string }) => split));
  expect([...splits]).toEqual(["seed-1 train", "seed-1 valid", "seed-2 train", "seed-2 valid"]);
  expect(leftOut.curves).toBeUndefined();
  const whole = JSON.parse((await cli("report", "runs/mean", "--json")).out);
  expect(whole.curves).toEqual(curves);

  const runs = JSON.parse((await cli("runs", "--json")).out);
  const found = (name: string) => runs.find((run: { name: string }) => run.name === name);
  const bestOf = (seed: number) => json(`runs/killed/members/seed-${seed}/checkpoints/best.json`).value;
  expect(found("killed")).toMatchObject({ status: "stopped" });
  expect(found("killed").valid.auc).toBeCloseTo((bestOf(1) + bestOf(2)) / 2, 9);
  expect(found("mean").valid.auc).toBe(json("runs/mean/checkpoints/best.json").value);
});
