import { createHash } from "node:crypto";
import type { Backend, DynamicTranslation, Memory, RunRequest, RunResult } from "../src/backends/backend.js";
import { valuesOf } from "../src/backends/testing.js";
import { localWorlds, SOLO } from "../src/distributed/world.js";
import type { AccumulationGroups } from "../src/graph/accumulation.js";
import type { Graph } from "../src/graph/graph.js";
import { columnsOf, type Placement, placesOf, rowAt, SLOTS, slotsOf } from "../src/graph/placement.js";
import type { DynamicSpec } from "../src/graph/translation.js";
import { type Numbers, numbersOf } from "../src/half.js";
import type { Addon } from "../src/native/addon.js";
import type { Traffic } from "../src/native/world-calls.js";
import type { ParameterAttrs } from "../src/ops/sources.js";
import { placedParameters, shardingOf } from "../src/passes/shard.js";
import { Parameters } from "../src/train/parameters.js";
import { keptKeys } from "../src/train/shards.js";
import { attachMemories, slotsOfTables } from "../src/train/translations.js";

/** Training of one graph by several ranks of this process. */
export interface RankedRun {
  readonly graph: Graph;
  readonly ranks: number;
  readonly threads?: number;
  readonly maxBatch: number;
  readonly geometry?: AccumulationGroups;
  readonly placements?: ReadonlyMap<string, Placement>;
  readonly overlaps?: boolean;
  /** One after the other. */
  readonly requests: readonly RunRequest[];
  readonly seed?: number;
  /** By the names of the dynamic tables. */
  readonly dynamic?: ReadonlyMap<string, DynamicSpec>;
}

export interface RankedResult {
  /** Of the last request, on rank 0. */
  readonly outputs: RunResult;
  /** The merged parameters, in the order of rows; of dynamic tables those of keys, in the order of checkpoints. */
  readonly parameters: ReadonlyMap<string, Numbers>;
  /** The states of the dynamic tables, by name. */
  readonly states: ReadonlyMap<string, BigInt64Array>;
  readonly traffic: readonly (readonly Traffic[])[];
}

/** The ranks of a run, ready to train. */
export function startRanks(addon: Addon, backend: Backend, run: RankedRun) {
  const { graph, ranks, maxBatch, geometry, placements, overlaps, threads = 1, seed = 1 } = run;
  const attrs = placedParameters(graph, shardingOf(ranks, placements));
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon, ranks);
  const members = worlds.map((world) => {
    const parameters = new Parameters(backend, attrs, undefined, world.rank);
    parameters.initialize(seed);
    const slots = slotsOfTables(parameters.all);
    const specs = [...(run.dynamic ?? [])];
    const translations = new Map(
      specs.map(([name, spec]) => [name, backend.translation(spec, { seed: 9, stream: 4 }, slots.get(name))]),
    );
    attachMemories(translations, parameters.all, seed);
    const { memory } = parameters;
    const options = { maxBatch, threads, geometry, world, placements, overlaps, translations };
    return { memory, translations, executable: backend.compile(graph, memory, options) };
  });
  return { attrs, worlds, members };
}

/** Trains, and merges what the ranks own. Dense parameters must be equal on all ranks. */
export async function trainRanked(addon: Addon, backend: Backend, run: RankedRun): Promise<RankedResult> {
  const { attrs, worlds, members } = startRanks(addon, backend, run);
  const merged = () => new Map(attrs.map((each) => [each.name, mergeRanks(each, members)]));
  const states = () => statesOf(members.map(({ translations }) => translations));
  let outputs: RunResult = new Map();
  for (const request of run.requests) {
    const results = await Promise.allSettled(members.map(({ executable }) => executable.run(request)));
    const failed = results.filter((result) => result.status === "rejected");
    if (failed.length > 0)
      throw new RanksFailed(
        failed.map(({ reason }) => reason),
        merged(),
        states(),
      );
    outputs = (results[0] as PromiseFulfilledResult<RunResult>).value;
  }
  return { outputs, parameters: merged(), states: states(), traffic: worlds.map((world) => world.traffic()) };
}

export class RanksFailed extends Error {
  constructor(
    readonly reasons: readonly Error[],
    readonly parameters: ReadonlyMap<string, Numbers>,
    readonly states: ReadonlyMap<string, BigInt64Array>,
  ) {
    super(reasons.map(({ message }) => message).join("\n"));
  }
}

/** SHA-256 of every parameter and output, and of the states of dynamic tables. */
export function hashesOf({
  parameters,
  outputs,
  states,
}: Pick<RankedResult, "parameters" | "outputs" | "states">) {
  const hash = (numbers: Numbers | BigInt64Array) =>
    createHash("sha256").update(bytesOf(numbers)).digest("hex").slice(0, 16);
  return Object.fromEntries(
    [...parameters, ...outputs, ...states].map(([name, numbers]) => [name, hash(numbers)]),
  );
}

/** One rank. */
interface Member {
  readonly memory: ReadonlyMap<string, Memory>;
  readonly translations: ReadonlyMap<string, DynamicTranslation>;
}

/** All ranks have all keys. */
function statesOf(translations: readonly ReadonlyMap<string, DynamicTranslation>[]) {
  const [first, ...others] = translations.map(
    (own) => new Map([...own].map(([name, table]) => [name, table.state()])),
  );
  for (const other of others)
    for (const [name, state] of other)
      if (Buffer.compare(bytesOf(state), bytesOf(first.get(name)!)) !== 0)
        throw new Error(`ranks have other keys in ${name}`);
  return first;
}

/** The rows that ranks keep of a dynamic table: that of keys without a row, then those of all keys. */
function mergeKeys({ name, shape, placement, translation }: ParameterAttrs, members: readonly Member[]) {
  const [{ memory }] = members;
  const { dtype } = memory.get(name)!;
  const width = shape[1] ?? 1;
  const slots = (rank: number) => (placement ? slotsOf(placement, rank) : [0, SLOTS]);
  // In the order of slots, as keys are. Ranks of the same slots have columns of the same rows.
  const ranks = [...members.keys()].filter((rank) => slots(rank)[1] > slots(rank)[0]);
  ranks.sort((a, b) => slots(a)[0] - slots(b)[0] || a - b);
  const rows: number[] = [];
  const all = ranks.flatMap((rank, i) => {
    const isFirst = i === 0 || slots(rank)[0] > slots(ranks[i - 1])[0];
    const kept = [...keptKeys(members[rank].translations.get(translation!)!).rows];
    const own = slots(rank)[0] === 0 ? [0, ...kept] : kept;
    if (isFirst) rows.push(...own);
    return own.map((row, at) => ({ rank, row, to: rows.length - own.length + at }));
  });
  const merged = numbersOf(dtype, rows.length * width);
  for (const { rank, row, to } of all) {
    const [begin, end] = placement ? columnsOf(placement, rank, width) : [0, width];
    const part = merged.subarray(to * width + begin, to * width + end);
    members[rank].memory.get(name)!.read(row * part.length, part);
  }
  return merged;
}

function mergeRanks(attrs: ParameterAttrs, members: readonly Member[]): Numbers {
  const { name, shape, placement, role } = attrs;
  if (attrs.byKey)
    return placement
      ? mergeKeys(attrs, members)
      : theSame(
          name,
          members.map((member) => mergeKeys(attrs, [member])),
        );
  const memories = members.map(({ memory }) => memory.get(name)!);
  const parts = memories.map(valuesOf);
  if (role === "counts") return parts.reduce((a, b) => a.map((n, i) => n + b[i]));
  if (!placement) return theSame(name, parts);
  const [rows] = shape;
  const all = numbersOf(
    memories[0].dtype,
    shape.reduce((a, b) => a * b),
  );
  const width = all.length / rows;
  parts.forEach((part, rank) => {
    const [begin, end] = placesOf(placement, rank, rows);
    const [first, last] = columnsOf(placement, rank, width);
    const own = last - first;
    for (let place = begin; place < end; place++)
      all.set(
        part.subarray((place - begin) * own, (place - begin + 1) * own) as never,
        rowAt(place, rows) * width + first,
      );
  });
  return all;
}

/** What every rank has. */
function theSame(name: string, parts: readonly Numbers[]): Numbers {
  for (const part of parts)
    if (Buffer.compare(bytesOf(part), bytesOf(parts[0])) !== 0) throw new Error(`ranks differ in ${name}`);
  return parts[0];
}

function bytesOf(numbers: Numbers | BigInt64Array): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
