import { nativeBackend } from "../backends/native/backend.js";
import { type Ceilings, loadAddon } from "../native/addon.js";
import { plan } from "../passes/compile.js";
import { workOf } from "../plan/compute.js";
import { computeSeconds } from "../plan/machine.js";
import { prepareWorkload, Runner, TRAINED } from "./measure.js";
import { WORKLOADS } from "./workloads.js";

/** Rows of a step for each thread, and of all at least: more make a step more efficient. */
const BATCH = { perThread: 256, least: 2048 };
const SECONDS = 0.5;

/** The share of the machine's ceilings that a training step reaches: of a model whose tables hardly count. */
export async function measureStepShare(ceilings: Ceilings, threads: number): Promise<number> {
  const { addon } = loadAddon();
  const batch = Math.max(BATCH.least, BATCH.perThread * threads);
  const settings = { batch, seconds: SECONDS, threads, precision: "fp32" } as const;
  const [workload] = WORKLOADS;
  const { graph, training, data } = prepareWorkload(workload, nativeBackend(addon!), settings);
  const rate = await new Runner(training, data, batch, TRAINED).medianRate(SECONDS);
  const { flops, bf16Flops, memoryBytes: read, cacheBytes: cache } = ceilings;
  const work = workOf(plan(graph, batch), batch);
  return (rate / batch) * computeSeconds({ compute: { flops, bf16Flops, cache, share: 1 }, read }, work);
}
