import { readFileSync } from "node:fs";
import { afterAll, beforeAll, expect, it } from "vitest";
import { cli, csv, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(600)));
  world.write("valid.csv", csv(rows(150)));
  world.write("test.csv", csv(rows(200)));
  const config = smallConfig();
  config.data.valid = { path: "valid.csv" };
  config.search = {
    "train.optimizer.embedding.learningRate": { log: [1e-3, 0.5] },
    "features.user.dim": { choice: [8] },
  };
  world.write("pairloom.config.json", JSON.stringify(config));
});
afterAll(() => world.remove());

it("prints a line for each result, and leaves runs for the other commands", async () => {
  const args = [".", "--trials", "3", "--run", "runs/s", "--set", "train.epochs=2"];
  const { code, out, err } = await cli("search", ...args);
  expect(code).toBe(0);
  expect(err).toContain("Search in runs/s: 3 trials, best by valid auc");
  expect(err.match(/^trial \d: auc \d\.\d+ at step \d+, /gm)).toHaveLength(4);
  expect(out).toMatch(/Best: trial \d, valid auc [\s\S]*Measured on the test split: auc /);
  const runs = JSON.parse((await cli("runs", "runs/s", "--json")).out);
  expect(runs.map(({ status }: { status: string }) => status).sort()).toEqual([
    "finished",
    "stopped",
    "stopped",
  ]);
  const best = JSON.parse(readFileSync("runs/s/best/config.json", "utf8"));
  expect(best.train.epochs).toBe(2);
  expect(best.search).toBeUndefined();
  const { out: evaluated } = await cli("eval", "runs/s/best", "--json");
  expect(JSON.parse(evaluated)).toMatchObject({ on: "test", rows: 200 });
});

it("prints the command that goes on when the time is over", async () => {
  const args = [".", "--minutes", "0.00001", "--run=runs/short", "--set", "data.test.path=test.csv"];
  const { out } = await cli("search", ...args);
  expect(out).toContain(
    "npx pairloom search . --minutes 0.00001 --set data.test.path=test.csv --run runs/short --resume",
  );
});

it("refuses options that it cannot follow", async () => {
  expect((await cli("search", ".", "--resume")).err).toContain("there is no search to resume");
  expect((await cli("search", ".", "--minutes", "soon")).err).toContain("--minutes needs a number above 0");
  const without = await cli("search", ".", "--set", "data.valid=null");
  expect(without.err).toContain("data.valid: a search needs a validation split");
});
