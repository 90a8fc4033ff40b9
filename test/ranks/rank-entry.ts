import { deepEqual } from "node:assert/strict";
import { launcherOf } from "../../src/cli/launcher.js";
import { restrainUcx } from "../../src/cli/on-ranks.js";
import { ProcessWorld } from "../../src/distributed/process-world.js";
import { gatherJson } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";

/** A rank for tests: `rank-entry.ts MODE [RANK]`, where the rank does what the mode says once all ranks are there. */
const [mode, who] = process.argv.slice(2);
const patience = Number(process.env.TEST_PATIENCE ?? 20);
const { addon } = loadAddon();
restrainUcx();
const world = await ProcessWorld.open(addon!, launcherOf(process.env)!, patience);
const pids = await gatherJson(world, process.pid);
if (world.rank === 0) console.log(JSON.stringify({ pids, library: world.library }));
if (world.rank === Number(who)) {
  if (mode === "throw") throw new Error("thrown for a test");
  if (mode === "exit") process.exit(0);
}
/** Waits for a signal of the test, in calls all the time. */
while (mode !== "work") {
  await world.barrier();
  await new Promise((done) => setTimeout(done, 5));
}
for (let round = 0; round < 20; round++) {
  const bytesOf = (rank: number) =>
    new Uint8Array(rank === round % world.size ? 1 << round : rank).fill(rank);
  const all = await world.allGather(bytesOf(world.rank));
  const sent = await world.broadcast(bytesOf(world.rank), round % world.size);
  const expected = pids.map((_, rank) => bytesOf(rank));
  deepEqual(all, expected);
  deepEqual(sent, expected[round % world.size]);
}
await world.finish();
if (world.rank === 0) console.log("finished");
