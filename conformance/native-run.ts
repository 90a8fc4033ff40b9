import type { RunResult } from "../src/backends/backend.js";
import { NativeExecutable, nativeBackend } from "../src/backends/native/backend.js";
import type { NativeMemory } from "../src/backends/native/memory.js";
import type { NativeTranslation } from "../src/backends/native/translation.js";
import { memoryOf } from "../src/backends/testing.js";
import type { Graph } from "../src/graph/graph.js";
import { loadAddon } from "../src/native/addon.js";
import { type CompileChoices, compileProgram, simplify } from "../src/passes/compile.js";
import type { Program } from "../src/passes/emit.js";
import type { Example } from "./scene.js";

const { addon } = loadAddon();

export type Plan = Pick<CompileChoices, "geometry" | "tilesAtOnce">;

export interface NativeOptions extends Plan {
  readonly isa: string;
  readonly threads: number;
}

/** One native step of `graph` on the example's data; `parameters` are read and updated. */
export function runNative(
  graph: Graph,
  example: Example,
  parameters: ReadonlyMap<string, Float32Array>,
  { isa, threads, ...plan }: NativeOptions,
): RunResult {
  return runProgram(programOf(graph, example, plan), example, parameters, { isa, threads });
}

/** The program is that of every instruction set. */
export const programOf = (graph: Graph, { rows }: Example, plan: Plan): Program =>
  compileProgram(simplify(graph), rows, plan);

export function runProgram(
  program: Program,
  { rows, step, seed, columns, scalars, translations }: Example,
  parameters: ReadonlyMap<string, Float32Array>,
  { isa, threads }: Pick<NativeOptions, "isa" | "threads">,
): RunResult {
  addon!.selectIsa(isa);
  const backend = nativeBackend(addon!);
  const memory = program.parameters.map((name) => memoryOf(backend, parameters.get(name)!));
  const handles = memory.map((each) => (each as NativeMemory).handle);
  const bound = program.translations.map(
    (name) => (backend.translation(translations.get(name)!) as NativeTranslation).handle,
  );
  const compiled = addon!.compile(program.bytes, handles, threads, bound);
  const executable = new NativeExecutable(addon!, compiled, false);
  const result = executable.runSync({
    columns,
    rows,
    start: 0,
    count: rows,
    batch: rows,
    seed,
    firstStep: step,
    scalars: new Map([...scalars].map(([name, value]) => [name, Float32Array.of(value)])),
  });
  program.parameters.forEach((name, i) => void memory[i].read(0, parameters.get(name)!));
  return result;
}
