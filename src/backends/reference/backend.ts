import type { BagColumn, Column, FloatColumn, IdColumn } from "../../columns/columns.js";
import { permutation } from "../../columns/order.js";
import { ExecutionError } from "../../errors.js";
import type { AccumulationGroups } from "../../graph/accumulation.js";
import type { Graph } from "../../graph/graph.js";
import { type InputAttrs, maskedSamples } from "../../graph/mask.js";
import type { Node, Value } from "../../graph/op.js";
import { isBag, isRow, type Tensor, width } from "../../graph/tensor.js";
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

  private bind(node: Node, request: RunRequest, rows: Float64Array, step: number): Value {
    if (node.op.binds === "parameter") {
      const { name, shape, dtype = "fp32" } = node.attrs;
      const { data, changed } = this.parameters.get(name) as ReferenceMemory;
      return { kind: dtype, shape, data, changed } as Value;
    }
    if (node.op.binds === "input") {
      return gather(placesOf(node, request, rows, request.firstStep + step), node);
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

/** A row of a column. */
interface Place<C = Column> {
  readonly column: C;
  readonly row: number;
}

/** Where the value of an input is in each sample: in its row, or, in masked ones, in the column for these. */
function placesOf(node: Node, request: RunRequest, rows: Float64Array, step: number): Place[] {
  const { name, mask } = node.attrs as InputAttrs;
  const column = request.columns.get(name)!;
  const places = Array.from(rows, (row): Place => ({ column, row }));
  if (!mask) return places;
  const masked = { column: request.masked!.get(name)!, row: 0 };
  for (const b of maskedSamples(mask, { rows: rows.length, seed: request.seed, step })) places[b] = masked;
  return places;
}

function gather(places: readonly Place[], node: Node): Value {
  const { type, limit } = node.attrs as InputAttrs;
  if (type.dtype === "fp32") return gatherNumbers(places as readonly Place<FloatColumn>[], width(type));
  if (isBag(type.dtype)) return gatherBags(places as readonly Place<BagColumn>[], node);
  const ids = (places as readonly Place<IdColumn>[]).map(
    ({ column: { data, offset, stride }, row }) => data[offset + row * stride],
  );
  return limit === KEYS ? { kind: "key", data: keysOf(ids) } : { kind: "id", data: checkedIds(ids, node) };
}

function gatherNumbers(places: readonly Place<FloatColumn>[], width: number): Value {
  const data = new Float32Array(places.length * width);
  places.forEach(({ column, row }, b) => {
    const from = column.offset + row * column.stride;
    data.set(column.data.subarray(from, from + width), b * width);
  });
  return { kind: "fp32", shape: [places.length, width], data };
}

function gatherBags(places: readonly Place<BagColumn>[], node: Node): Value {
  const ranges = places.map(({ column: { offsets }, row }) => [
    Number(offsets[row]),
    Number(offsets[row + 1]),
  ]);
  const ids = places.flatMap(({ column }, b): (number | bigint)[] => [
    ...column.values.subarray(...ranges[b]),
  ]);
  const offsets = new Float64Array(places.length + 1);
  ranges.forEach(([begin, end], b) => {
    offsets[b + 1] = offsets[b] + end - begin;
  });
  const weighted = places.some(({ column }) => column.weights !== undefined);
  const weights = weighted
    ? Float32Array.from(places.flatMap(({ column }, b) => [...column.weights!.subarray(...ranges[b])]))
    : undefined;
  if (node.attrs.limit === KEYS) return { kind: "keys", values: keysOf(ids), offsets, weights };
  return { kind: "ids", values: checkedIds(ids, node), offsets, weights };
}

function keysOf(ids: readonly (number | bigint)[]): BigInt64Array {
  return BigInt64Array.from(ids, BigInt);
}

/** Ids below 2^53, as numbers. */
function checkedIds(raw: readonly (number | bigint)[], node: Node): Float64Array {
  const { name, limit } = node.attrs;
  const ids = Float64Array.from(raw, Number);
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
