import { afterEach, beforeEach, expect, it } from "vitest";
import { readMetrics } from "../src/train/log/metrics-log.js";
import { cli, csv, jsonLines, makeWorld, rows, smallConfig, type World } from "./cli-world.js";

/** `train --continue` trains a model on the files that have been added since. */
let world: World;
beforeEach(async () => {
  world = makeWorld();
  world.write("days/1.csv", csv(rows(600)));
  world.write("test.csv", csv(rows(200)));
  const config = smallConfig();
  config.data.train = { path: "days/*.csv" };
  config.train.epochs = 1;
  world.write("pairloom.config.json", JSON.stringify(config));
  const trained = await cli("train", ".", "--run", "run");
  expect(trained.code).toBe(0);
});
afterEach(() => world.remove());

const goOn = (...args: string[]) => cli("train", ".", "--run", "run", "--continue", ...args);
const stretchLines = () => readMetrics("run/metrics.jsonl").filter(({ split }) => split === "stretch");

it("trains on new files only, and scores them first", async () => {
  const none = await goOn();
  expect(none).toMatchObject({ code: 0, out: "" });
  expect(none.err).toContain("There are no new rows.");

  world.write("days/2.csv", csv(rows(300)));
  const second = await goOn();
  expect(second.code).toBe(0);
  world.write("days/3.csv", csv(rows(200)));
  world.write("days/4.csv", csv(rows(100)));
  await goOn();
  expect(jsonLines("run/stretches.jsonl").map(({ stretch, step, rows }) => [stretch, step, rows])).toEqual([
    [1, 5, 300],
    [2, 8, 300],
  ]);
  expect(stretchLines().map(({ step, values }) => [step, values.rows])).toEqual([
    [5, 300],
    [8, 300],
  ]);
});
