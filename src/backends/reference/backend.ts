import type { Column, Ids } from "../../columns/columns.js";
import { permutation } from "../../columns/order.js";
import { ExecutionError } from "../../errors.js";
import type { AccumulationGroups } from "../../graph/accumulation.js";
import type { Graph } from "../../graph/graph.js";
import type { Node, Value } from "../../graph/op.js";
import { isRow, type Tensor, width } from "../../graph/tensor.js";
import { KEYS } from "../../graph/translation.js";
import { chooseGeometry } from "../../passes/compile.js";
import type { Backend, CompileOptions, Executable, Memory, RunRequest, RunResult } from "../backend.js";
import { wantedOutputs } from "../outputs.js";
import { evaluate } from "./evaluate.js";
import { ReferenceMemory } from "./memory.js";
import type { ReferenceTranslation } from "./reference-translation.js";
import { referenceTranslation, stepTranslations } from "./translations.js";

/** Runs graphs with plain TypeScript kernels: slow, simple, and available on every platform. */
export const referenceBackend: Backend = {
  name: "reference",
  multipliesBf16: false,
  allocate: (elements, dtype = "fp32") => new ReferenceMemory(elements, dtype),
  translation: referenceTranslation,
  compile: (graph, parameters, options) => new ReferenceExecutable(graph, parameters, options),
};

class ReferenceExecutable implements Executable {
  private readonly accumulation: AccumulationGroups;

  constructor(
    private readonly graph: Graph,
    private readonly parameters: ReadonlyMap<string, Memory>,
    private readonly options: CompileOptions,
  ) {
    this.accumulation = options.geometry ?? chooseGeometry(graph, options.maxBatch);
  }

  async run(request: RunRequest): Promise<RunResult> {
    const results = this.results(request);
    for (let step = 0; step < stepsOf(request); step++) {
      this.step(request, step, results);
      await new Promise((resolve) => setImmediate(resolve));
    }
    return results;
  }

  runSync(request: RunRequest): RunResult {
    const results = this.results(request);
    for (let step = 0; step < stepsOf(request); step++) this.step(request, step, results);
    return results;
  }

  private results(request: RunRequest): Map<string, Float32Array> {
    if (request.batch > this.options.maxBatch) {
      throw new ExecutionError({
        what: "the batch is larger than the program was compiled for",
        got: String(request.batch),
        expected: `at most ${this.options.maxBatch}`,
      });
    }
    const { outputs } = this.graph;
    const results = [...wantedOutputs([...outputs.keys()], request.outputs)].map((name) => {
      const tensor = outputs.get(name)!;
      const count = isRow(tensor) ? request.count : stepsOf(request);
      return [name, new Float32Array(count * width(tensor))] as const;
    });
    return new Map(results);
  }

  private step(request: RunRequest, step: number, results: Map<string, Float32Array>): void {
    const first = step * request.batch;
    const rows = rowsOf(request, first, Math.min(request.batch, request.count - first));
    const values = this.evaluate(request, rows, step);
    for (const [name, result] of results) {
      const tensor = this.graph.outputs.get(name)!;
      const value = values.get(tensor)!;
      const start = isRow(tensor) ? first : step;
      if (value.kind === "fp32") result.set(value.data as Float32Array, start * width(tensor));
    }
  }

  /** If a step fails, parameters are unchanged, because updates run last, and translations are reverted. */
  private evaluate(request: RunRequest, rows: Float64Array, step: number): Map<Tensor, Value> {
    const number = request.firstStep + step;
    const all = (this.options.translations ?? new Map()) as ReadonlyMap<string, ReferenceTranslation>;
    const { translations, revert } = stepTranslations(all, number);
    const { accumulation } = this;
    const context = { rows: rows.length, step: number, seed: request.seed, accumulation, translations };
    try {
      return evaluate(this.graph, context, (node) => this.bind(node, request, rows, step));
    } catch (error) {
      revert();
      throw error;
    }
  }

  private bind(node: Node, request: RunRequest, rows: Int32Array | Float64Array, step: number): Value {
    if (node.op.binds === "parameter") {
      const { name, shape, dtype = "fp32" } = node.attrs;
      const { data, changed } = this.parameters.get(name) as ReferenceMemory;
      return { kind: dtype, shape, data, changed } as Value;
    }
    if (node.op.binds === "input") {
      return gather(request.columns.get(node.attrs.name)!, rows, node);
    }
    return { kind: "fp32", shape: [1], data: request.scalars.get(node.attrs.name)!.slice(step, step + 1) };
  }
}

function stepsOf({ count, batch }: RunRequest): number {
  return Math.ceil(count / batch);
}

function rowsOf({ start, rows, shuffle }: RunRequest, first: number, count: number): Float64Array {
  const order = shuffle ? permutation(rows, shuffle) : (position: number) => position;
  return Float64Array.from({ length: count }, (_, i) => order(start + first + i));
}

function gather(column: Column, rows: ArrayLike<number>, node: Node): Value {
  const { limit } = node.attrs;
  if (column.kind === "number") {
    const data = new Float32Array(rows.length * column.width);
    for (let b = 0; b < rows.length; b++) {
      const from = column.offset + rows[b] * column.stride;
      data.set(column.data.subarray(from, from + column.width), b * column.width);
    }
    return { kind: "fp32", shape: [rows.length, column.width], data };
  }
  if (column.kind === "id") {
    const places = Array.from(rows, (row) => column.offset + row * column.stride);
    if (limit === KEYS) return { kind: "key", data: keysAt(column.data, places) };
    return { kind: "id", data: idsAt(column.data, places, node) };
  }
  const offsets = new Float64Array(rows.length + 1);
  for (let b = 0; b < rows.length; b++)
    offsets[b + 1] = offsets[b] + Number(column.offsets[rows[b] + 1] - column.offsets[rows[b]]);
  const places = Array.from(rows, (row, b) =>
    Array.from({ length: offsets[b + 1] - offsets[b] }, (_, i) => Number(column.offsets[row]) + i),
  ).flat();
  const weights = column.weights && Float32Array.from(places, (p) => column.weights![p]);
  if (limit === KEYS) return { kind: "keys", values: keysAt(column.values, places), offsets, weights };
  return { kind: "ids", values: idsAt(column.values, places, node), offsets, weights };
}

function keysAt(ids: Ids, places: readonly number[]): BigInt64Array {
  return BigInt64Array.from(places, (p) => BigInt(ids[p]));
}

/** Ids below 2^53, as numbers. */
function idsAt(column: Ids, places: readonly number[], node: Node): Float64Array {
  const { name, limit } = node.attrs;
  const ids = Float64Array.from(places, (p) => Number(column[p]));
  const bad = ids.findIndex((id) => id < 0 || id >= limit);
  if (bad < 0) return ids;
  throw new ExecutionError({
    what: "an id is out of range",
    where: `input "${name}"`,
    got: String(ids[bad]),
    expected: `0 to ${limit - 1}`,
    next: "Check that the data was packed with the features that the model was built from.",
  });
}
