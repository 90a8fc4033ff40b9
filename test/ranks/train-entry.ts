import { spawnSync } from "node:child_process";
import { setTimeout } from "node:timers/promises";
import type { Backend, RunRequest } from "../../src/backends/backend.js";
import { launcherOf } from "../../src/cli/launcher.js";
import { restrainUcx } from "../../src/cli/on-ranks.js";
import type { Column } from "../../src/columns/columns.js";
import { resolveConfig } from "../../src/config/config.js";
import { ProcessWorld } from "../../src/distributed/process-world.js";
import { gatherJson } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";
import { trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";

/**
 * A rank that trains: `train-entry.ts FAULT RANK RUN`, where something is wrong on the rank
 * after the first epoch, at whose end all have saved. The config is in TEST_CONFIG.
 */
const [fault, who, runDir] = process.argv.slice(2);
restrainUcx();
const world = await ProcessWorld.open(loadAddon().addon!, launcherOf(process.env)!);
const pids = await gatherJson(world, process.pid);
if (world.rank === 0) console.log(JSON.stringify({ pids }));
const struck = world.rank === Number(who);
let trained = 0;

/** Columns of ids that no table has, or of NaN. */
function spoiled({ columns, ...request }: RunRequest): RunRequest {
  const broken = [...columns].map(([name, column]): [string, Column] => {
    const { kind, data } = column as { kind: string; data: Float32Array };
    if (fault === "bad id" && kind === "id")
      return [name, { ...column, data: data.map(() => 1e6) } as Column];
    if (fault === "NaN" && kind === "number")
      return [name, { ...column, data: data.map(() => NaN) } as Column];
    return [name, column];
  });
  return { ...request, columns: new Map(broken) };
}

/** From now on no file of this process may grow, as on a disk that is full. */
function fillDisk(): void {
  spawnSync("prlimit", ["--pid", String(process.pid), "--fsize=1"]);
}

const config = resolveConfig(JSON.parse(process.env.TEST_CONFIG!));
const isDue = () => struck && trained > config.data.train!.rows!.length;
const { backend } = selectBackend("native");
const faulty: Backend = Object.create(backend, {
  compile: {
    value: (...args: Parameters<Backend["compile"]>) => {
      const executable = backend.compile(...args);
      const run = (request: RunRequest) => executable.run(isDue() ? spoiled(request) : request);
      return Object.create(executable, { run: { value: run } });
    },
  },
});

try {
  await trainRun({
    config,
    runDir,
    backend: faulty,
    world,
    resume: false,
    baselines: false,
    signal: new AbortController().signal,
    listener: (event) => {
      if (event.kind !== "trained") return;
      trained += event.rows;
      if (isDue() && fault === "full disk") fillDisk();
      if (isDue() && fault === "kill") process.kill(process.pid, "SIGKILL");
    },
  });
  await world.finish();
} catch (error) {
  if (world.rank === 0) console.error(String(error));
  else await setTimeout(300);
  world.fail(world.rank === 0 ? "" : String(error), 1);
}
