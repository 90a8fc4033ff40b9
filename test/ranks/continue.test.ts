import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { listCheckpoints } from "../../src/checkpoint/index.js";
import { resolveConfig } from "../../src/config/config.js";
import { START } from "../../src/data/stretch/position.js";
import { localWorlds, SOLO, type World } from "../../src/distributed/world.js";
import { loadAddon } from "../../src/native/addon.js";
import { continueRun } from "../../src/run/continue/continue-run.js";
import { Stretches } from "../../src/run/continue/stretches.js";
import { trainRun } from "../../src/run/train-run.js";
import { selectBackend } from "../../src/saved/backend.js";
import { hashTensors } from "../../src/saved/hash-tensors.js";
import { METRICS_FILE, readMetrics } from "../../src/train/log/metrics-log.js";

/** Ranks go on with new rows as one process does: with a vocabulary that grows, a dynamic table that evicts, and versions. */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-ranks-continue-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Rows of a day, with items that no day before has. */
function day(number: number, count: number): string {
  const rows = Array.from({ length: count }, (_, i) => {
    const item = ((i * 7 + number * 3) % (8 + 4 * number)) + 5 * number;
    return `u${i % 13},i${item},${(i % 40) + 20 * number},${(i % 11) / 3},${(i * item + (i % 3)) % 2}`;
  });
  return `user,item,seller,price,clicked\n${rows.join("\n")}\n`;
}

function configOf(name: string) {
  return resolveConfig({
    data: {
      train: { path: join(folder, name, "*.csv") },
      valid: { path: join(folder, "valid.csv") },
      label: "clicked",
      cacheDir: join(folder, name, "cache"),
    },
    features: [
      { kind: "id", name: "user", hash: 50 },
      { kind: "id", name: "item", embedding: "shop/sum/item", vocabulary: { grow: true } },
      { kind: "id", name: "seller", embedding: "shop/v/seller", dynamic: { capacity: 45, evict: "lru" } },
      { kind: "number", name: "price", normalize: "zscore" },
    ],
    model: {
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: ["price"], mlp: { hiddenUnits: [4] } },
      sparse: { features: ["user", "item", "seller"] },
      final: { hiddenUnits: [8] },
    },
    train: {
      // Every step, so that lines of the log do not depend on how long steps take.
      ...{ batchSize: 64, epochs: 1, threads: 1, checkpoint: { every: 1, keep: 100 } },
      publish: { every: 1, to: join(folder, name, "versions"), keep: 100 },
      optimizer: { dense: { kind: "adam" }, embedding: { kind: "adam" } },
    },
  });
}

/** The results of all ranks. */
async function onRanks<T>(ranks: number, work: (world: World) => Promise<T>): Promise<T[]> {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  return Promise.all(
    worlds.map((world) =>
      work(world).catch((error) => {
        if (world.handle) addon!.worldAbort(world.handle, String(error), 1);
        throw error;
      }),
    ),
  );
}

/** Trains on a day, then goes on with two others; what the run leaves, by step. */
async function days(name: string, ranks: readonly [first: number, then: number, last: number]) {
  mkdirSync(join(folder, name));
  const write = (number: number, count: number) =>
    writeFileSync(join(folder, name, `${number}.csv`), day(number, count));
  const runDir = join(folder, name, "run");
  const config = configOf(name);
  const options = () => ({
    ...{ config, runDir, backend: selectBackend("native").backend, listener: () => undefined },
    signal: new AbortController().signal,
  });
  write(0, 300);
  await onRanks(ranks[0], (world) => trainRun({ ...options(), world, resume: false, baselines: false }));
  const goOn = (count: number) =>
    onRanks(count, (world) => continueRun({ ...options(), world, untilEnd: true }));
  write(1, 200);
  for (const { stretches, rows } of await goOn(ranks[1]))
    expect({ stretches, rows }).toEqual({ stretches: 1, rows: 200 });
  write(2, 130);
  await goOn(ranks[2]);
  const newest = (await listCheckpoints(join(folder, name, "versions"))).at(-1)!;
  rmSync(newest.dir, { recursive: true }); // as if it could not be published
  await goOn(ranks[1]);
  const hashed = async (dir: string) =>
    Promise.all((await listCheckpoints(dir)).map(async (each) => [each.name, await hashTensors(each)]));
  return {
    checkpoints: await hashed(runDir),
    versions: await hashed(join(folder, name, "versions")),
    log: readMetrics(join(runDir, METRICS_FILE)).map(({ time, ...line }) => line),
  };
}

it("a rank that does not see the packed messages of a topic says which directory is not shared", async () => {
  const options = { config: configOf("elsewhere"), runDir: folder };
  const stretches = await Stretches.start(options as never, {} as never);
  const told = {
    number: 1,
    reads: { topic: "clicks", ranges: [] },
    position: START,
    packed: `stretch-${"0".repeat(32)}`,
  };
  await expect(stretches.open(told, {} as never)).rejects.toThrow(/data\.cacheDir: .*rank 0/);
});

it.skipIf(!addon)(
  "ranks whose data.cacheDir is their own delete the packed rows that they have trained on",
  async () => {
    const name = "apart";
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, "valid.csv"), day(0, 100));
    const config = configOf(name);
    // The same path on the disks of several machines; this machine has two paths for it.
    const cacheOf = ({ rank }: World) => join(folder, name, `cache${rank}`);
    const options = (world: World) => ({
      config: { ...config, data: { ...config.data, cacheDir: cacheOf(world) } },
      ...{ world, runDir: join(folder, name, "run"), backend: selectBackend("native").backend },
      ...{ listener: () => undefined, signal: new AbortController().signal },
    });
    writeFileSync(join(folder, name, "0.csv"), day(0, 150));
    await trainRun({ ...options(SOLO), resume: false, baselines: false });
    writeFileSync(join(folder, name, "1.csv"), day(1, 100));
    const left = await onRanks(2, async (world) => {
      const { stretches } = await continueRun({ ...options(world), untilEnd: true });
      expect(stretches).toBe(1);
      return readdirSync(join(cacheOf(world), "packed")).filter((each) => each.startsWith("stretch-"));
    });
    expect(left).toEqual([[], []]);
  },
);

it.skipIf(!addon)("ranks go on with new rows to the bytes of one process", async () => {
  writeFileSync(join(folder, "valid.csv"), day(0, 100));
  const alone = await days("alone", [1, 1, 1]);
  expect(alone.checkpoints.length).toBeGreaterThan(4);
  expect(await days("together", [2, 3, 2])).toEqual(alone);
});
