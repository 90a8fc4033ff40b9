import { createHash } from "node:crypto";
import type { Backend, Memory, RunRequest, RunResult } from "../src/backends/backend.js";
import { valuesOf } from "../src/backends/testing.js";
import { localWorlds, SOLO } from "../src/distributed/world.js";
import type { AccumulationGroups } from "../src/graph/accumulation.js";
import type { Graph } from "../src/graph/graph.js";
import { type Placement, placesOf, rowAt } from "../src/graph/placement.js";
import { type Numbers, numbersOf } from "../src/half.js";
import type { Addon } from "../src/native/addon.js";
import type { Traffic } from "../src/native/world-calls.js";
import type { ParameterAttrs } from "../src/ops/sources.js";
import { placedParameters, shardingOf } from "../src/passes/shard.js";
import { Parameters } from "../src/train/parameters.js";

/** Training of one graph by several ranks of this process. */
export interface RankedRun {
  readonly graph: Graph;
  readonly ranks: number;
  readonly threads?: number;
  readonly maxBatch: number;
  readonly geometry?: AccumulationGroups;
  readonly placements?: ReadonlyMap<string, Placement>;
  /** One after the other. */
  readonly requests: readonly RunRequest[];
  readonly seed?: number;
}

export interface RankedResult {
  /** Of the last request, on rank 0. */
  readonly outputs: RunResult;
  /** The merged parameters, in the order of rows. */
  readonly parameters: ReadonlyMap<string, Numbers>;
  readonly traffic: readonly (readonly Traffic[])[];
}

/** Trains, and merges what the ranks own. Dense parameters must be equal on all ranks. */
export async function trainRanked(addon: Addon, backend: Backend, run: RankedRun): Promise<RankedResult> {
  const { graph, ranks, maxBatch, geometry, placements, threads = 1 } = run;
  const attrs = placedParameters(graph, shardingOf(ranks, placements));
  const worlds = ranks === 1 ? [SOLO] : localWorlds(addon, ranks);
  const members = worlds.map((world) => {
    const parameters = new Parameters(backend, attrs, undefined, world.rank);
    parameters.initialize(run.seed ?? 1);
    const { memory } = parameters;
    const options = { maxBatch, threads, geometry, world, placements };
    return { memory, executable: backend.compile(graph, memory, options) };
  });
  const merged = () =>
    new Map(
      attrs.map((each) => [
        each.name,
        mergeRanks(
          each,
          members.map(({ memory }) => memory.get(each.name)!),
        ),
      ]),
    );
  let outputs: RunResult = new Map();
  for (const request of run.requests) {
    const results = await Promise.allSettled(members.map(({ executable }) => executable.run(request)));
    const failed = results.filter((result) => result.status === "rejected");
    if (failed.length > 0)
      throw new RanksFailed(
        failed.map(({ reason }) => reason),
        merged(),
      );
    outputs = (results[0] as PromiseFulfilledResult<RunResult>).value;
  }
  return { outputs, parameters: merged(), traffic: worlds.map((world) => world.traffic()) };
}

export class RanksFailed extends Error {
  constructor(
    readonly reasons: readonly Error[],
    readonly parameters: ReadonlyMap<string, Numbers>,
  ) {
    super(reasons.map(({ message }) => message).join("\n"));
  }
}

/** SHA-256 of every parameter and output. */
export function hashesOf({ parameters, outputs }: Pick<RankedResult, "parameters" | "outputs">) {
  const hash = (numbers: Numbers) => createHash("sha256").update(bytesOf(numbers)).digest("hex").slice(0, 16);
  return Object.fromEntries([...parameters, ...outputs].map(([name, numbers]) => [name, hash(numbers)]));
}

function mergeRanks({ name, shape, placement, role }: ParameterAttrs, memories: readonly Memory[]): Numbers {
  const parts = memories.map(valuesOf);
  if (role === "counts") return parts.reduce((a, b) => a.map((n, i) => n + b[i]));
  if (!placement) {
    for (const part of parts)
      if (Buffer.compare(bytesOf(part), bytesOf(parts[0])) !== 0) throw new Error(`ranks differ in ${name}`);
    return parts[0];
  }
  const [rows] = shape;
  const all = numbersOf(
    memories[0].dtype,
    shape.reduce((a, b) => a * b),
  );
  const width = all.length / rows;
  parts.forEach((part, rank) => {
    const [begin, end] = placesOf(placement, rank, rows);
    for (let place = begin; place < end; place++)
      all.set(
        part.subarray((place - begin) * width, (place - begin + 1) * width) as never,
        rowAt(place, rows) * width,
      );
  });
  return all;
}

function bytesOf(numbers: Numbers): Uint8Array {
  return new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
}
