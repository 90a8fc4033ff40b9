import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { loadAddon } from "../../src/native/addon.js";
import { total } from "../../src/plan/cost.js";
import type { planFile } from "../../src/plan/plan-file.js";
import { cli, PAIRLOOM } from "../cli-world.js";
import { Job, LAUNCHERS } from "./job.js";

/* The memory that a plan says, against what the system counts for the processes that train. */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-memory-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const rows = Array.from({ length: 2000 }, (_, i) => ({
  user: i % 701,
  item: i % 37,
  y: i % 3 === 0 ? 1 : 0,
}));
const valid = { rows: rows.slice(0, 500) };

/** Without states: rows that no step has updated have states in pages that take no memory yet. */
const configOf = (ranks: number) => ({
  // One process measures a checkpoint in its mapped file, which would count.
  data: { train: { rows }, ...(ranks > 1 && { valid }), label: "y", cacheDir: join(folder, "cache") },
  features: [
    { kind: "id", name: "user", hash: 6_000_000 },
    { kind: "id", name: "item", hash: 2_000_000 },
  ],
  model: { kind: "mlp", features: ["user", "item"], embeddingDim: 32, mlp: { hiddenUnits: [16] } },
  train: { batchSize: 500, epochs: 2, threads: 1, optimizer: { embedding: { kind: "sgd" } } },
});

/** Each process says the most memory that it has had, mapped files included, in kilobytes. */
const SAYS_PEAK = `process.on("exit", () => console.log("peak", process.pid, process.resourceUsage().maxRSS))`;

/** The most bytes that each process has had, in any order. */
async function trained(config: string, launch: readonly string[]): Promise<number[]> {
  const runDir = mkdtempSync(join(folder, "run-"));
  const command = [...launch, ...PAIRLOOM, "train", config, "--run", join(runDir, "run")];
  const job = new Job(command, {
    NODE_OPTIONS: `--import data:text/javascript,${encodeURIComponent(SAYS_PEAK)}`,
  });
  const { code, out } = await job.end();
  expect(code, out).toBe(0);
  // Threads say it, too, when they end: the last line of a process has the most.
  const peaks = [...out.matchAll(/peak (\d+) (\d+)/g)].map(([, pid, peak]) => [pid, Number(peak)] as const);
  return [...new Map(peaks).values()].map((kilobytes) => 1024 * kilobytes);
}

async function planned(config: string, ranks: number): Promise<number[]> {
  const { out } = await cli("plan", config, "--ranks", String(ranks), "--memory", "8GiB", "--json");
  return (JSON.parse(out) as ReturnType<typeof planFile>).ranks.map(({ bytes }) => total(bytes));
}

describe.skipIf(!addon || process.platform !== "linux")("processes take the memory that a plan says", () => {
  it.each([
    { name: "one", ranks: 1, command: [] },
    ...LAUNCHERS.map(({ name, command }) => ({ name, ranks: 2, command: [...command, "-n", "2"] })),
  ])("$name", async ({ ranks, command }) => {
    const config = join(folder, `${ranks}.json`);
    writeFileSync(config, JSON.stringify(configOf(ranks)));
    const said = await planned(config, ranks);
    const taken = await trained(config, command);
    expect(taken).toHaveLength(ranks);
    // The ranks have equal shares, and no order here.
    for (const bytes of taken) expect(Math.abs(bytes - said[0]) / said[0]).toBeLessThan(0.05);
  });
});
