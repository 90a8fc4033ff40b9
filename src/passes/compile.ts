import type { AccumulationGroups } from "../graph/accumulation.js";
import type { Graph } from "../graph/graph.js";
import { verifyGraph } from "../graph/verifier.js";
import { eliminateDeadCode } from "./eliminate.js";
import { emit, type Program } from "./emit.js";
import { fuseActivationGrad, fuseLinearActivation } from "./fuse.js";
import { CPU_TARGET, cutBatch, defaultGroups, type Geometry, type Target } from "./geometry.js";
import { type Plan, planMemory } from "./memory-plan.js";
import { type Sharding, shard } from "./shard.js";

/** The simplification passes for all executors, in order. */
const PASSES: readonly (readonly [name: string, pass: (graph: Graph) => Graph])[] = [
  ["eliminateDeadCode", eliminateDeadCode],
  ["fuseLinearActivation", fuseLinearActivation],
  ["fuseActivationGrad", fuseActivationGrad],
];

/** Simplifies a graph; the result of every pass is verified. */
export function simplify(graph: Graph): Graph {
  verifyGraph(graph, "building");
  return PASSES.reduce((current, [name, pass]) => verifyGraph(pass(current), name), graph);
}

/** Planning options. */
export interface CompileChoices {
  /** Geometry of the training run. Default: chosen from the graph and the batch. */
  readonly geometry?: AccumulationGroups;
  readonly tilesAtOnce?: number;
  readonly target?: Target;
  /** The ranks that share a step. Default: one. */
  readonly sharding?: Sharding;
  /** Whether ranks compute while they exchange: worth it where exchanges take long. */
  readonly overlaps?: boolean;
}

/** Compiles a simplified graph for batches of up to `maxBatch` rows. */
export function compileProgram(graph: Graph, maxBatch: number, choices: CompileChoices = {}): Program {
  return emit(plan(graph, maxBatch, choices));
}

/** Plans memory for batches of up to `maxBatch` rows. The geometry is that of one rank, whatever their number. */
export function plan(graph: Graph, maxBatch: number, choices: CompileChoices = {}): Plan {
  const { target = CPU_TARGET, sharding } = choices;
  const room = rowsThatFit(graph, maxBatch, target);
  const { tileRows, groups } =
    choices.geometry ?? cutBatch(maxBatch, defaultGroups(maxBatch, target), room, target);
  const fit = Math.floor(Math.min(target.tileRows.most, room) / tileRows);
  const tilesAtOnce = choices.tilesAtOnce ?? Math.max(1, Math.min(target.tilesAtOnce, fit));
  const shared = sharding ? verifyGraph(shard(graph, sharding), "shard") : graph;
  const overlap = sharding && choices.overlaps ? { rows: Math.ceil(maxBatch / sharding.ranks) } : undefined;
  return planMemory(shared, {
    maxBatch,
    tileRows,
    groups,
    tilesAtOnce,
    alignment: target.alignment,
    overlap,
  });
}

/**
 * How a training graph divides its batch.
 * @param options.groups number of accumulation groups, instead of the default
 */
export function chooseGeometry(
  graph: Graph,
  batch: number,
  { groups, target = CPU_TARGET }: { groups?: number; target?: Target } = {},
): Geometry {
  return cutBatch(batch, groups ?? defaultGroups(batch, target), rowsThatFit(graph, batch, target), target);
}

/** Rows for which a tile's memory stays within the target's limit. */
function rowsThatFit(graph: Graph, maxBatch: number, { tileRows, tileElements, alignment }: Target): number {
  const rows = tileRows.least;
  const smallest = planMemory(graph, { maxBatch, tileRows: rows, groups: 1, tilesAtOnce: 1, alignment });
  return Math.floor(tileElements / Math.max(1, smallest.arenas.tile)) * rows;
}
