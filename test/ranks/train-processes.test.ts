import { readdirSync, readFileSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../src/native/addon.js";
import { cli, csv, makeWorld, PAIRLOOM, rows, smallConfig, type World } from "../cli-world.js";
import { Job, LAUNCHERS } from "./job.js";

/* `train` as processes of each launcher, with a preemption in the middle. They have columns of one table, and rows of the other. */

const EPOCHS = 60;
const STEPS_PER_EPOCH = 32;

/** The hashes of the newest checkpoint. */
async function hashesOf(run: string): Promise<string> {
  const { code, out } = await cli("inspect", run, "--hash");
  expect(code).toBe(0);
  return out;
}

let world: World;
beforeAll(async () => {
  world = makeWorld();
  world.write("rows.csv", csv(rows(2000)));
  world.write("test.csv", csv(rows(100)));
  const checkpoint = { full: { every: 3 } };
  const optimizer = { embedding: { kind: "adagrad" } };
  const placement = { item: "columnWise", user: "rowWise" };
  const train = { batchSize: 64, epochs: EPOCHS, threads: 1, checkpoint, optimizer, placement };
  const config = { ...smallConfig(), train };
  world.write("pairloom.config.json", JSON.stringify(config));
  expect((await cli("train", ".", "--run", "runs/whole")).code).toBe(0);
});
afterAll(() => world.remove());

describe.skipIf(!loadAddon().addon).each(LAUNCHERS)("ranks started by $name", ({ command }) => {
  it("save when one gets SIGTERM, and one process goes on to the bytes of a run that never stopped", async () => {
    const before = readdirSync("runs");
    const job = new Job([...command, "-n", "2", ...PAIRLOOM, "train", "."]);
    const [, pid] = await job.says(/1 on \S+ \(pid (\d+)\)/);
    await job.says(/epoch 2/);
    job.kill(Number(pid), "SIGTERM");
    const { code, out } = await job.end();
    expect(code, out).toBe(130);
    const made = readdirSync("runs").filter((run) => run !== "latest" && !before.includes(run));
    expect(made).toHaveLength(1);
    const run = `runs/${made[0]}`;
    const step = Number(/Interrupted at step ([\d,]+)/.exec(out)?.[1].replaceAll(",", ""));
    expect(JSON.parse(readFileSync(`${run}/checkpoints/latest.json`, "utf8")).step).toBe(step);
    expect(step).toBeLessThan(EPOCHS * STEPS_PER_EPOCH);
    expect((await cli("train", ".", "--run", run, "--resume")).code).toBe(0);
    expect(await hashesOf(run)).toEqual(await hashesOf("runs/whole"));
  });
});
