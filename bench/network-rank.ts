import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner, TRAINED } from "../src/bench/measure.js";
import { launcherOf } from "../src/cli/launcher.js";
import { nativeCore } from "../src/cli/native-core.js";
import { restrainUcx } from "../src/cli/on-ranks.js";
import { ProcessWorld } from "../src/distributed/process-world.js";
import { workloadOf } from "./figure.js";

/** What rank 0 has measured: milliseconds of a step, round by round, and the bytes that it has sent in one. */
export interface StepTimes {
  readonly alternating: readonly number[];
  readonly overlapping: readonly number[];
  readonly bytes: number;
}

/** Of a call. */
const STEPS = 8;

// A rank of `network.ts`: `network-rank.ts WORKLOAD BATCH ROUNDS`.
const [name, batch, rounds] = process.argv.slice(2);
restrainUcx();
const addon = nativeCore();
const world = await ProcessWorld.open(addon, launcherOf(process.env)!);
const runnerOf = (overlaps: boolean): Runner => {
  const settings = { batch: Number(batch), seconds: 1, threads: 1, precision: "fp32", overlaps } as const;
  const { training, data } = prepareWorkload(workloadOf(name), nativeBackend(addon), settings, world);
  return new Runner(training, data, Number(batch), TRAINED);
};
const runners = [runnerOf(false), runnerOf(true)];
for (const runner of runners) await runner.stepSeconds(STEPS);
const total = () => ({
  bytes: world.traffic().reduce((sum, { bytes }) => sum + bytes, 0),
  steps: runners.reduce((sum, { step }) => sum + step, 0),
});
const times: [number[], number[]] = [[], []];
const before = total();
for (let round = 0; round < Number(rounds); round++)
  for (const [i, runner] of runners.entries()) times[i].push(1000 * (await runner.stepSeconds(STEPS)));
const after = total();
const result: StepTimes = {
  alternating: times[0],
  overlapping: times[1],
  bytes: Math.round((after.bytes - before.bytes) / (after.steps - before.steps)),
};
if (world.rank === 0) console.log(JSON.stringify(result));
await world.finish();
