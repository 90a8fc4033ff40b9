import type { RunResult } from "../src/backends/backend.js";
import { NativeExecutable } from "../src/backends/native/backend.js";
import type { Graph } from "../src/graph/graph.js";
import { loadAddon } from "../src/native/addon.js";
import { compileProgram, simplify } from "../src/passes/compile.js";
import type { PlanOptions } from "../src/passes/memory-plan.js";
import type { Example } from "./scene.js";

const { addon } = loadAddon();

export interface NativeOptions extends Partial<Pick<PlanOptions, "tileRows" | "groups">> {
  readonly isa: string;
  readonly threads: number;
}

/** One native step of `graph` on the example's data; updates go into `parameters`. */
export function runNative(
  graph: Graph,
  { rows, step, seed, columns, scalars }: Example,
  parameters: ReadonlyMap<string, Float32Array>,
  { isa, threads, ...plan }: NativeOptions,
): RunResult {
  addon!.selectIsa(isa);
  const program = compileProgram(simplify(graph), rows, plan);
  const bound = program.parameters.map((name) => parameters.get(name)!);
  const executable = new NativeExecutable(addon!, addon!.compile(program.bytes, bound, threads), false);
  return executable.runSync({
    columns,
    rows,
    start: 0,
    count: rows,
    batch: rows,
    seed,
    firstStep: step,
    scalars: new Map([...scalars].map(([name, value]) => [name, Float32Array.of(value)])),
  });
}
