import type { Graph } from "../graph/graph.js";
import { verifyGraph } from "../graph/verifier.js";
import { eliminateDeadCode } from "./eliminate.js";
import { emit, type Program } from "./emit.js";
import { fuseActivationGrad, fuseLinearActivation } from "./fuse.js";
import { type Plan, type PlanOptions, planMemory } from "./memory-plan.js";

/** The passes that simplify a graph for any executor, in order. */
const PASSES: readonly (readonly [name: string, pass: (graph: Graph) => Graph])[] = [
  ["eliminateDeadCode", eliminateDeadCode],
  ["fuseLinearActivation", fuseLinearActivation],
  ["fuseActivationGrad", fuseActivationGrad],
];

/** Simplifies a graph; every pass is verified. */
export function simplify(graph: Graph): Graph {
  verifyGraph(graph, "building");
  return PASSES.reduce((current, [name, pass]) => verifyGraph(pass(current), name), graph);
}

/**
 * Tiles are as large as these bounds allow: each weight is read, and each weight gradient written, once a tile, which
 * costs more than activations that spill from the second-level cache into the third.
 */
const TILE_BYTES = 1 << 24;
/** Fewer rows where a batch would else not give every group a tile. */
const TILE_ROWS = { least: 32, most: 256 };

/** Accumulation groups: many share the work among threads, but each has a copy of all weight gradients. */
const GROUPS = { least: 4, most: 8 };
const PARTIAL_BYTES = 1 << 24;
const BYTES = Float32Array.BYTES_PER_ELEMENT;

/** Compiles a simplified graph for batches of up to `maxBatch` rows. */
export function compileProgram(graph: Graph, maxBatch: number, options: Partial<PlanOptions> = {}): Program {
  return emit(plan(graph, maxBatch, options));
}

/** Plans memory, choosing the tile and the number of groups where `options` leave them open. */
export function plan(graph: Graph, maxBatch: number, options: Partial<PlanOptions> = {}): Plan {
  const { least, most } = TILE_ROWS;
  const smallest = planMemory(graph, { maxBatch, tileRows: least, groups: GROUPS.least, ...options });
  if (options.tileRows) return smallest;
  const groups = smallest.arenas.partial * BYTES * GROUPS.most <= PARTIAL_BYTES ? GROUPS.most : GROUPS.least;
  const rowsThatFit = (TILE_BYTES / BYTES / smallest.arenas.tile) * least;
  let tileRows = least;
  while (tileRows < most && tileRows * 2 * groups <= maxBatch && tileRows * 2 <= rowsThatFit) tileRows *= 2;
  return planMemory(graph, { maxBatch, tileRows, groups, ...options });
}
