import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { nativeBackend } from "../backends/native/backend.js";
import { valuesOf } from "../backends/testing.js";
import { type Checkpoint, findLatest, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import { localWorlds, SOLO, type World } from "../distributed/world.js";
import { rowAt, SLOTS } from "../graph/placement.js";
import { loadAddon } from "../native/addon.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { Parameters } from "./parameters.js";
import { ShardCheckpoints } from "./shards.js";

/* Checkpoints of ranks that share tables: written by some number of ranks, read by another. */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-shards-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNTS = [1, 2, 3, 4, 8];
const normal = { kind: "normal", mean: 0, std: 1 } as const;

/** Tables of more and of fewer rows than there are slots, one of 16-bit numbers. */
function attrsOf(ranks: number): ParameterAttrs[] {
  const shared = ranks > 1 && { placement: { firstRank: 0, owners: ranks } };
  const table = { role: "table", init: normal, trainable: true, ...shared } as const;
  const state = {
    role: "state",
    init: { kind: "uniform", low: 0, high: 1 },
    trainable: false,
    ...shared,
  } as const;
  return [
    { name: "mlp.weight", shape: [3, 2], role: "dense", init: normal, trainable: true },
    { ...table, name: "embeddings.a.weight", shape: [2500, 3] },
    { ...state, name: "embeddings.a.weight/sum", shape: [2500] },
    { ...table, name: "embeddings.b.weight", shape: [7, 4], dtype: "bf16" },
    { ...state, name: "embeddings.b.weight/m", shape: [7, 4] },
  ];
}

interface Member {
  readonly world: World;
  readonly parameters: Parameters;
}

function membersOf(ranks: number): Member[] {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  return worlds.map((world) => {
    return {
      world,
      parameters: new Parameters(nativeBackend(addon!), attrsOf(ranks), undefined, world.rank),
    };
  });
}

function save({ world, parameters }: Member, runDir: string): Promise<Checkpoint | undefined> {
  const shards = new ShardCheckpoints(world, () => parameters.shared);
  const write = () =>
    writeCheckpoint(runDir, {
      ...contentOf(1),
      model: parameters.sources("model"),
      optimizer: parameters.sources("optimizer"),
      tables: parameters.tables(),
      shards: world.size > 1 ? shards.collect : undefined,
    });
  return world.size > 1 ? shards.saving(write) : write();
}

async function written(ranks: number): Promise<Checkpoint> {
  const runDir = join(folder, String(ranks));
  const members = membersOf(ranks);
  for (const { parameters } of members) parameters.initialize(5);
  await Promise.all(members.map((member) => save(member, runDir)));
  return (await findLatest(runDir)).checkpoint!;
}

/** What a rank should have of the whole: its rows, by place. */
function ownOf(whole: number[], { shape: [rows], placement }: ParameterAttrs, rank: number): number[] {
  if (!placement) return whole;
  const width = whole.length / rows;
  const ownerOf = (slot: number) => Math.floor((slot * placement.owners + placement.owners - 1) / SLOTS);
  const inOrder = Array.from({ length: rows }, (_, place) => rowAt(place, rows));
  const own = inOrder.filter((row) => ownerOf(row % SLOTS) === rank);
  return own.flatMap((row) => whole.slice(row * width, (row + 1) * width));
}

describe.runIf(addon)("a checkpoint of several ranks", () => {
  const [alone] = membersOf(1);
  alone.parameters.initialize(5);
  const whole = new Map(
    [...alone.parameters.memory].map(([name, memory]) => [name, Array.from(valuesOf(memory))]),
  );

  it.each(COUNTS)(
    "that %i have written holds what one would have, and any number reads it",
    async (ranks) => {
      const checkpoint = await written(ranks);
      await checkpoint.verify();
      const model = await checkpoint.openModel();
      const optimizer = await checkpoint.openOptimizer();
      for (const readers of COUNTS)
        for (const { world, parameters } of membersOf(readers)) {
          await parameters.load({ model, optimizer });
          for (const attrs of attrsOf(readers)) {
            const own = ownOf(whole.get(attrs.name)!, attrs, world.rank);
            const got = Array.from(valuesOf(parameters.memory.get(attrs.name)!));
            expect(got, `${attrs.name}, rank ${world.rank} of ${readers}`).toEqual(own);
          }
        }
      await model.close();
      await optimizer.close();
    },
  );

  it("is not there if one of them cannot write its part", async () => {
    const members = membersOf(3);
    for (const { parameters } of members) parameters.initialize(5);
    const bad = valuesOf(members[2].parameters.memory.get("embeddings.a.weight")!);
    bad[0] = Number.NaN;
    members[2].parameters.memory.get("embeddings.a.weight")!.write(0, bad);
    const runDir = join(folder, "failed");
    const results = await Promise.allSettled(members.map((member) => save(member, runDir)));
    for (const result of results) {
      expect(result.status).toBe("rejected");
      expect(String((result as PromiseRejectedResult).reason.message)).toMatch(/rank 2/);
    }
    expect((await findLatest(runDir)).checkpoint).toBeUndefined();
  });
});
