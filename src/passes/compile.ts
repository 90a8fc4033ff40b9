import type { Graph } from "../graph/graph.js";
import { verifyGraph } from "../graph/verifier.js";
import { eliminateDeadCode } from "./eliminate.js";
import { emit, type Program } from "./emit.js";
import { fuseLinearActivation } from "./fuse.js";
import { type Plan, type PlanOptions, planMemory } from "./memory-plan.js";

/** The passes that simplify a graph for any executor, in order. */
const PASSES: readonly (readonly [name: string, pass: (graph: Graph) => Graph])[] = [
  ["eliminateDeadCode", eliminateDeadCode],
  ["fuseLinearActivation", fuseLinearActivation],
];

/** Simplifies a graph; every pass is verified. */
export function simplify(graph: Graph): Graph {
  verifyGraph(graph, "building");
  return PASSES.reduce((current, [name, pass]) => verifyGraph(pass(current), name), graph);
}

/** Most bytes of activations that a tile should take: half of a common 1 MiB second-level cache. */
const TILE_BYTES = 1 << 19;
const TILE_ROWS = { least: 32, most: 256 };
const GROUPS = 8;

/** Compiles a simplified graph for batches of up to `maxBatch` rows. */
export function compileProgram(graph: Graph, maxBatch: number, options: Partial<PlanOptions> = {}): Program {
  return emit(plan(graph, maxBatch, options));
}

/**
 * Plans memory with tiles as large as fit the cache: large tiles read each weight fewer times, small ones keep the
 * activations of forward and backward close.
 */
export function plan(graph: Graph, maxBatch: number, options: Partial<PlanOptions> = {}): Plan {
  const choose = (tileRows: number): Plan =>
    planMemory(graph, { maxBatch, tileRows, groups: GROUPS, ...options });
  let best = choose(TILE_ROWS.least);
  if (options.tileRows) return best;
  for (let rows = TILE_ROWS.least * 2; rows <= TILE_ROWS.most && rows / 2 < maxBatch; rows *= 2) {
    if (best.arenas.tile * 2 * 4 > TILE_BYTES) break;
    best = choose(rows);
  }
  return best;
}
