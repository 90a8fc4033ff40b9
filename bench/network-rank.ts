import { once } from "node:events";
import { connect } from "node:net";
import { createInterface } from "node:readline";
import { nativeBackend } from "../src/backends/native/backend.js";
import { prepareWorkload, Runner, TRAINED } from "../src/bench/measure.js";
import { launcherOf } from "../src/cli/launcher.js";
import { nativeCore } from "../src/cli/native-core.js";
import { restrainUcx } from "../src/cli/on-ranks.js";
import { ProcessWorld } from "../src/distributed/process-world.js";
import { workloadOf } from "./figure.js";

/** What a rank tells after a call of some steps, and at first. */
export interface Told {
  readonly rank: number;
  /** Milliseconds of a step of the call. */
  readonly ms: number;
  /** That this rank has sent so far, and its steps. */
  readonly bytes: number;
  readonly steps: number;
}

// A rank of `network.ts`: `network-rank.ts SOCKET WORKLOAD BATCH [overlaps]`. It makes a call of as many steps as each line says.
const [socket, name, batch, overlaps] = process.argv.slice(2);
restrainUcx();
const addon = nativeCore();
const world = await ProcessWorld.open(addon, launcherOf(process.env)!);
const settings = {
  batch: Number(batch),
  seconds: 1,
  threads: 1,
  precision: "fp32",
  overlaps: overlaps !== undefined,
} as const;
const { training, data } = prepareWorkload(workloadOf(name), nativeBackend(addon), settings, world);
const runner = new Runner(training, data, Number(batch), TRAINED);

const figure = connect(socket);
await once(figure, "connect");
const tell = (ms: number) => {
  const bytes = world.traffic().reduce((sum, each) => sum + each.bytes, 0);
  const told: Told = { rank: world.rank, ms, bytes, steps: runner.step };
  figure.write(`${JSON.stringify(told)}\n`);
};
tell(0);
for await (const steps of createInterface(figure)) tell(1000 * (await runner.stepSeconds(Number(steps))));
await world.finish();
