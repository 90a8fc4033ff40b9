import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { findLatest } from "../../src/checkpoint/index.js";
import { resolveConfig } from "../../src/config/config.js";
import { loadAddon } from "../../src/native/addon.js";
import { trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";
import { isAlive, LAUNCHERS, rankJob } from "./job.js";

/*
 * The long form of what fails while ranks train: RANK_FAULTS=20 repeats each fault 20 times for rank 0 and rank 1. All end,
 * the rank is named where one is to blame, and one process goes on from the last checkpoint to the bytes of a run that never
 * failed.
 */
const REPEATS = Number(process.env.RANK_FAULTS ?? 0);
/** After this number of milliseconds no rank may be alive. */
const MOST_TIME = 30_000;

const FAULTS = [
  {
    name: "a bad id",
    fault: "bad id",
    says: (rank: number) => new RegExp(`rank ${rank}, input user, row .*: an id is out of range`),
  },
  { name: "a NaN", fault: "NaN", says: () => /the training loss is no longer a number/ },
  { name: "a kill", fault: "kill", says: () => /signal 9|SIGNAL: 9|killed/i },
  { name: "a full disk", fault: "full disk", says: () => /EFBIG|too large|cannot be (written|saved)/i },
];

const folder = mkdtempSync(join(tmpdir(), "pairloom-faults-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 1000 }, (_, i) => ({
  a: (i % 17) / 17,
  user: i % 40,
  y: (i * 7) % 3 === 0 ? 1 : 0,
}));
const CONFIG = {
  data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
  features: [
    { kind: "number", name: "a" },
    { kind: "id", name: "user", buckets: 4000 },
  ],
  model: { kind: "mlp", features: ["a", "user"], embeddingDim: 8, mlp: { hiddenUnits: [8] } },
  train: { batchSize: 64, epochs: 3, threads: 1, checkpoint: { every: 5, full: { every: 3 } } },
};

async function finish(runDir: string, resume: boolean): Promise<unknown> {
  const { backend } = selectBackend("native");
  const config = resolveConfig(CONFIG);
  await trainRun({
    config,
    runDir,
    backend,
    resume,
    baselines: false,
    signal: new AbortController().signal,
    listener: () => {},
  });
  return hashTensors((await findLatest(runDir)).checkpoint!);
}

describe.skipIf(!loadAddon().addon || REPEATS === 0).each(LAUNCHERS)(
  "ranks of $name that train",
  ({ name, command }) => {
    let expected: unknown;
    beforeAll(async () => {
      expected = await finish(join(folder, `${name} whole`), false);
    });

    const cases = FAULTS.flatMap((fault) => [0, 1].map((rank) => ({ ...fault, rank })));
    it.each(cases)("all end after $name on rank $rank", async ({ fault, says, rank }) => {
      for (let i = 0; i < REPEATS; i++) {
        const runDir = join(folder, `${name} ${fault} ${rank} ${i}`);
        const env = { TEST_CONFIG: JSON.stringify(CONFIG) };
        const job = rankJob(command, 2, [fault, String(rank), runDir], env, "train-entry.ts");
        const pids: number[] = JSON.parse((await job.says(/\{"pids".*\}/))[0]).pids;
        const ended = await job.end();
        expect(ended.code, ended.out).not.toBe(0);
        expect(ended.out).toMatch(says(rank));
        await vi.waitFor(() => expect(pids.filter(isAlive)).toEqual([]), MOST_TIME);
        expect(await finish(runDir, true)).toEqual(expected);
      }
    });
  },
);
