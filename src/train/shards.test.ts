import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { CHANGE_CONSUMERS } from "../backends/backend.js";
import { nativeBackend } from "../backends/native/backend.js";
import { valuesOf } from "../backends/testing.js";
import { type Checkpoint, findLatest, writeCheckpoint } from "../checkpoint/index.js";
import { contentOf } from "../checkpoint/testing.js";
import { localWorlds, SOLO, type World } from "../distributed/world.js";
import type { FittedFeatures } from "../features/fitted.js";
import { rowAt, SLOTS, slotsOf } from "../graph/placement.js";
import { KEYS, MISSING_KEY } from "../graph/translation.js";
import { numbersOf } from "../half.js";
import { loadAddon } from "../native/addon.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { drawKey, drawUnit } from "../random.js";
import { ModelState } from "./model-state.js";
import type { Parameters } from "./parameters.js";
import { keptKeys } from "./shards.js";

/* Checkpoints of ranks that share tables: written by some number of ranks, read by another. */

const { addon } = loadAddon();
const folder = mkdtempSync(join(tmpdir(), "pairloom-shards-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const COUNTS = [1, 2, 3, 4, 8];
const TURN = 5;
/** Where the parts of rows of 10 numbers begin, by the number of ranks that have a part: fours. */
const PARTS: Readonly<Record<number, readonly number[]>> = { 1: [0, 10], 2: [0, 4, 10], 3: [0, 4, 8, 10] };
const normal = { kind: "normal", mean: 0, std: 1 } as const;

const CAPACITY = 3000;
/** Of all kinds: in few slots and in many, negative, beyond 2^53, missing. */
const TABLE_KEYS = BigInt64Array.from([
  ...Array.from({ length: 1200 }, (_, i) => BigInt(i)),
  ...Array.from({ length: 300 }, (_, i) => BigInt(-i - 1) * 1024n),
  ...Array.from({ length: 300 }, (_, i) => BigInt.asIntN(64, BigInt(i + 1) * 0x9e3779b97f4a7c15n)),
  MISSING_KEY,
]);
const dynamic = { kind: "dynamic", capacity: CAPACITY, evict: "lru", unknown: "shared" } as const;
const FEATURES = {
  features: [{ kind: "id", name: "d", table: "d", rows: CAPACITY + 1, ids: KEYS, translation: dynamic }],
  vocabularies: {},
} as unknown as FittedFeatures;

/** Among as many ranks a row is divided of the tables that are shared by columns; the ranks of three and more are a grid. */
const columnsOn = (ranks: number) => (ranks === 1 ? 1 : ranks === 3 ? 3 : 2);

/** Three and eight shares have any number of slots, the first of eight none; others are equal. */
const isUneven = (owners: number) => owners === 3 || owners === 8;

/** The first slots of shares. */
function startsOf(owners: number): number[] {
  const equal = Array.from({ length: owners }, (_, share) => Math.floor((share * SLOTS) / owners));
  if (!isUneven(owners)) return equal;
  const draw = drawKey(1, owners, 0);
  const random = equal.map((_, share) => Math.floor(SLOTS * drawUnit(draw, share))).sort((a, b) => a - b);
  return random.map((start, share) => (share < owners / 4 ? 0 : start));
}

const shareOf = (slot: number, owners: number) => startsOf(owners).findLastIndex((start) => start <= slot);

/** All ranks share a table by rows, or by columns and rows. */
function placed(ranks: number, columns = 1) {
  const owners = ranks / columns;
  const starts = isUneven(owners) && { starts: startsOf(owners) };
  return ranks > 1 && { placement: { firstRank: 0, owners, turn: TURN % owners, columns, ...starts } };
}

/** Tables of more and of fewer rows than there are slots, some of 16-bit numbers, and a dynamic one. */
function attrsOf(ranks: number): ParameterAttrs[] {
  const shared = placed(ranks);
  const divided = placed(ranks, columnsOn(ranks));
  const table = { role: "table", init: normal, trainable: true, ...shared } as const;
  const state = {
    role: "state",
    init: { kind: "uniform", low: 0, high: 1 },
    trainable: false,
    ...shared,
  } as const;
  const byKey = { translation: "d", byKey: true } as const;
  return [
    { name: "mlp.weight", shape: [3, 2], role: "dense", init: normal, trainable: true },
    { ...table, name: "embeddings.a.weight", shape: [2500, 3] },
    { ...state, name: "embeddings.a.weight/sum", shape: [2500] },
    { ...table, name: "embeddings.b.weight", shape: [7, 4], dtype: "bf16" },
    { ...state, name: "embeddings.b.weight/m", shape: [7, 4] },
    { ...table, ...divided, name: "embeddings.c.weight", shape: [2500, 10], dtype: "fp16" },
    { ...state, ...divided, name: "embeddings.c.weight/m", shape: [2500, 10] },
    { ...state, ...divided, name: "embeddings.c.weight/v", shape: [2500] },
    { ...table, ...divided, ...byKey, name: "embeddings.d.weight", shape: [CAPACITY + 1, 10], dtype: "fp16" },
    { ...state, ...divided, ...byKey, name: "embeddings.d.weight/m", shape: [CAPACITY + 1, 10] },
    { ...state, ...divided, ...byKey, name: "embeddings.d.weight/v", shape: [CAPACITY + 1] },
  ];
}

interface Member {
  readonly world: World;
  readonly state: ModelState;
  readonly parameters: Parameters;
}

function membersOf(ranks: number): Member[] {
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon!, ranks);
  return worlds.map((world) => {
    const train = { seed: 5, checkpoint: { keep: 1 }, publish: undefined };
    const options = { backend: nativeBackend(addon!), features: FEATURES, train, runDir: folder, world };
    const state = new ModelState(options, attrsOf(ranks));
    return { world, state, parameters: state.parameters };
  });
}

/** Initial values, and rows for the keys. The row of keys without one is another than the initial one where it counts. */
function start({ world, state, parameters }: Member): void {
  parameters.initialize(5);
  state.translations.dynamic.get("d")!.insert(TABLE_KEYS);
  const columns = columnsOn(world.size);
  const owners = world.size / columns;
  if (Math.floor(world.rank / columns) === (shareOf(0, owners) + TURN) % owners)
    for (const name of ["embeddings.d.weight", "embeddings.d.weight/m", "embeddings.d.weight/v"]) {
      const memory = parameters.memory.get(name)!;
      memory.write(0, numbersOf(memory.dtype, memory.elements / (CAPACITY + 1)).fill(name.length));
    }
}

const consumer = CHANGE_CONSUMERS.checkpoint;

function save({ state }: Member, runDir: string): Promise<string> {
  return state.saving(async () => {
    const content = { ...contentOf(1), ...(await state.tensors({ consumer })) };
    return (await writeCheckpoint(runDir, content)).dir;
  });
}

async function written(ranks: number): Promise<Checkpoint> {
  const runDir = join(folder, String(ranks));
  const members = membersOf(ranks);
  members.forEach(start);
  await Promise.all(members.map((member) => save(member, runDir)));
  return (await findLatest(runDir)).checkpoint!;
}

/** Every key that a rank keeps and its numbers, and the row of keys without one where this rank has it. */
function keyedOf({ world, state, parameters }: Member, { name, placement }: ParameterAttrs) {
  const { keys, rows } = keptKeys(state.translations.dynamic.get("d")!);
  const memory = parameters.memory.get(name)!;
  const width = memory.elements / (CAPACITY + 1);
  const rowOf = (row: number) => {
    const numbers = numbersOf(memory.dtype, width);
    memory.read(row * width, numbers);
    return Array.from(numbers);
  };
  const [begin, end] = placement && world.size > 1 ? slotsOf(placement, world.rank) : [0, SLOTS];
  return [
    ...(begin === 0 && end > 0 ? [["", rowOf(0)] as const] : []),
    ...Array.from(keys, (key, i) => [String(key), rowOf(rows[i])] as const),
  ];
}

/** What a rank should have of the whole: its rows, by place. */
function ownOf(whole: number[], { shape: [rows], placement }: ParameterAttrs, rank: number): number[] {
  if (!placement) return whole;
  const width = whole.length / rows;
  const { owners, columns = 1 } = placement;
  const ownersOf = (slot: number) => (shareOf(slot, owners) + TURN) % owners;
  const inOrder = Array.from({ length: rows }, (_, place) => rowAt(place, rows));
  const own = inOrder.filter((row) => ownersOf(row % SLOTS) === Math.floor(rank / columns));
  // Ranks of the same rows all have a number for each row.
  const [begin, end] = columns === 1 || width === 1 ? [0, width] : PARTS[columns].slice(rank % columns);
  return own.flatMap((row) => whole.slice(row * width + begin, row * width + end));
}

/** What all ranks have of the keys, in the order of slots, the parts of each row together. */
function allKeyed(members: readonly Member[], attrs: ParameterAttrs) {
  const columns = columnsOn(members.length);
  const owners = members.length / columns;
  return Array.from({ length: owners }, (_, share) => {
    const first = ((share + TURN) % owners) * columns;
    const parts = members.slice(first, first + columns).map((member) => keyedOf(member, attrs));
    if (attrs.shape.length > 1)
      return parts[0].map(([key], i) => [key, parts.flatMap((part) => part[i][1])] as const);
    for (const part of parts) expect(part).toEqual(parts[0]);
    return parts[0];
  }).flat();
}

describe.runIf(addon)("a checkpoint of several ranks", () => {
  const [alone] = membersOf(1);
  start(alone);
  const whole = new Map(
    [...alone.parameters.memory].map(([name, memory]) => [name, Array.from(valuesOf(memory))]),
  );

  const keys = alone.state.translations.dynamic.get("d")!.state();

  it.each(COUNTS)(
    "that %i have written holds what one would have, and any number reads it",
    async (ranks) => {
      const checkpoint = await written(ranks);
      await checkpoint.verify();
      for (const readers of COUNTS) {
        const members = membersOf(readers);
        for (const { world, state, parameters } of members) {
          await state.load(checkpoint);
          expect(state.translations.dynamic.get("d")!.state()).toEqual(keys);
          for (const attrs of attrsOf(readers).filter(({ byKey }) => !byKey)) {
            const own = ownOf(whole.get(attrs.name)!, attrs, world.rank);
            const got = Array.from(valuesOf(parameters.memory.get(attrs.name)!));
            expect(got, `${attrs.name}, rank ${world.rank} of ${readers}`).toEqual(own);
          }
        }
        for (const attrs of attrsOf(readers).filter(({ byKey }) => byKey)) {
          expect(allKeyed(members, attrs)).toEqual(keyedOf(alone, attrs));
        }
      }
    },
  );

  it("is not there if one of them cannot write its part", async () => {
    const members = membersOf(3);
    members.forEach(start);
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
