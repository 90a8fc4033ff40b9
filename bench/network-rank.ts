import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner, TRAINED } from "../src/bench/measure.js";
import { launcherOf } from "../src/cli/launcher.js";
import { nativeCore } from "../src/cli/native-core.js";
import { restrainUcx } from "../src/cli/on-ranks.js";
import { ProcessWorld } from "../src/distributed/process-world.js";
import { limitCable } from "../test/ranks/network.js";
import { workloadOf } from "./figure.js";

/** What rank 0 has measured: milliseconds of a step with each limit, turn by turn, and the bytes that it has sent in one. */
export interface StepTimes {
  readonly limits: readonly {
    readonly alternating: readonly number[];
    readonly overlapping: readonly number[];
  }[];
  readonly bytes: number;
}

/** Of a call. */
const STEPS = 8;

// A rank of `network.ts`: `network-rank.ts WORKLOAD BATCH TURNS HOSTS LIMIT...`, where a limit may be `none`.
const [name, batch, turns, hosts, ...limits] = process.argv.slice(2);
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
const times = limits.map(() => [[], []] as [number[], number[]]);
const before = total();
for (let turn = 0; turn < Number(turns); turn++)
  for (const [limit, rate] of limits.entries()) {
    limitCable(`${hosts}-${world.rank}`, rate === "none" ? undefined : rate);
    await runners[0].stepSeconds(1); // both ranks have their limit
    for (const [i, runner] of runners.entries())
      times[limit][i].push(1000 * (await runner.stepSeconds(STEPS)));
  }
const after = total();
const result: StepTimes = {
  limits: times.map(([alternating, overlapping]) => ({ alternating, overlapping })),
  bytes: Math.round((after.bytes - before.bytes) / (after.steps - before.steps)),
};
if (world.rank === 0) console.log(JSON.stringify(result));
await world.finish();
