import { expect, it } from "vitest";
import { residentBytes } from "../bench/resident-bytes.js";
import type { Executable } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner } from "../src/bench/measure.js";
import type { Workload } from "../src/bench/workloads.js";
import { localWorlds } from "../src/distributed/world.js";
import { modelSchema } from "../src/models/index.js";
import { loadAddon } from "../src/native/addon.js";
import { total } from "../src/plan/cost.js";
import { Planner } from "../src/plan/planner.js";
import { INFERENCE_BATCH } from "../src/train/evaluate.js";

const { addon } = loadAddon();
const RANKS = 2;

const workloadOf = (rows: number): Workload => ({
  name: "large",
  model: modelSchema.parse({
    kind: "dlrm",
    dense: { features: ["dense"], mlp: { hiddenUnits: [32] } },
    sparse: { features: ["field_0", "field_1"] },
    embeddingDim: 32,
    final: { hiddenUnits: [64] },
  }),
  tables: [rows, rows],
  dense: 3,
});

/** Trains with ranks of this process. Returns what they take and what their plan says, in bytes. */
async function trained(rows: number): Promise<{ taken: number; said: number }> {
  const before = residentBytes();
  const batch = INFERENCE_BATCH;
  const settings = { batch, threads: 1, seconds: 0, precision: "fp32" } as const;
  const ranks = localWorlds(addon!, RANKS).map((world) =>
    prepareWorkload(workloadOf(rows), nativeBackend(addon!), settings, world),
  );
  const [{ graph, forward, data }] = ranks;
  const run: Executable["run"] = async (request) =>
    (await Promise.all(ranks.map(({ training }) => training.run(request))))[0];
  await new Runner({ run }, data, batch).medianRate(0);
  const taken = residentBytes() - before;
  const planner = new Planner({ training: graph, inference: forward, batch, data, threads: 1 });
  const said = planner.plan(RANKS).ranks.map(({ bytes }) => total(bytes) - bytes.process);
  return { taken, said: said.reduce((a, b) => a + b) };
}

it.skipIf(!addon || process.platform !== "linux")("ranks take the memory that their plan says", async () => {
  await trained(1000); // the code, and threads
  // Garbage that JavaScript has not collected yet is up to 15 MB of what they take.
  const { taken, said } = await trained(1_000_000);
  expect(said).toBeGreaterThan(500e6);
  expect(Math.abs(taken - said) / said).toBeLessThan(0.05);
});
