import { spawn } from "node:child_process";
import { afterAll, beforeAll, expect, it } from "vitest";
import {
  cli,
  csv,
  makeWorld,
  newestTensors,
  PAIRLOOM,
  printedWords,
  rows,
  smallConfig,
  type World,
} from "./cli-world.js";

let world: World;
beforeAll(() => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(2000)));
  world.write("test.csv", csv(rows(100)));
  const config = { ...smallConfig(), train: { batchSize: 64, steps: 400 } };
  world.write("Ann's shop/pairloom.config.json", JSON.stringify(config));
});
afterAll(() => world.remove());

it("Ctrl-C saves and says how to go on; going on ends with the bytes of a run that never stopped", async () => {
  const [config, run] = ["Ann's shop", "runs/stopped $1"];
  const args = ["train", config, "--run", run, "--backend", "reference"];
  const child = spawn(PAIRLOOM[0], [...PAIRLOOM.slice(1), ...args]);
  let out = "";
  let err = "";
  child.stdout.on("data", (text) => {
    out += text;
  });
  child.stderr.on("data", (text) => {
    const before = /epoch 1/.test(err);
    err += text;
    if (!before && /epoch 1/.test(err)) child.kill("SIGINT");
  });
  const code = await new Promise((done) => child.on("close", done));
  expect(code, err).toBe(130);
  const words = printedWords(/npx pairloom (train .*)/.exec(out)![1]);
  expect(words).toEqual(["train", config, "--run", run, "--resume", "--backend", "reference"]);
  const stoppedAt = Number(/at step (\d+)/.exec(out)?.[1]);
  expect(stoppedAt).toBeGreaterThan(0);
  expect(stoppedAt).toBeLessThan(400);

  const resumed = await cli(...words);
  expect(resumed.code).toBe(0);
  expect((await cli("train", config, "--run", "runs/whole", "--backend", "reference")).code).toBe(0);
  const [stopped, whole] = [run, "runs/whole"].map(newestTensors);
  expect(stopped.step).toBe("step-00000400");
  expect(stopped).toEqual(whole);
});
