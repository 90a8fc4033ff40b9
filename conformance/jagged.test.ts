import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Backend, Memory } from "../src/backends/backend.js";
import { memoryOf, valuesByName } from "../src/backends/testing.js";
import type { BagColumn, Column } from "../src/columns/columns.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import type { SparseGradient } from "../src/graph/op.js";
import { entriesOf, fp32, type Tensor, type TensorType, width } from "../src/graph/tensor.js";
import { OPS } from "../src/ops/index.js";
import { autodiff } from "../src/passes/autodiff.js";
import { simplify } from "../src/passes/compile.js";
import { BACKENDS, ISAS } from "./backends.js";

/** Operations on entries of sequences, their gradients and 20 steps of SGD, as PyTorch has them (make_jagged_fixtures.py). */

type Sequence = "a" | "b" | "both";

/** Some of the numbers of a tensor, evenly spaced, the largest one, and the sum of all by drawn factors. */
interface Digest {
  readonly shape: readonly number[];
  readonly samples: readonly number[];
  readonly largest: number;
  readonly projection: number;
}

interface Expected {
  readonly rate: number;
  readonly loss: number;
  readonly outputs: readonly Digest[];
  /** Of the loss by each operand. */
  readonly gradients: readonly Digest[];
  /** The operands after all steps. */
  readonly trained: readonly Digest[];
}

const { steps, lengths, places, gathered, cases } = JSON.parse(
  readFileSync(new URL("fixtures/jagged.json", import.meta.url), "utf8"),
) as {
  readonly steps: number;
  readonly lengths: Readonly<Record<Sequence, readonly number[]>>;
  /** Of each entry of b: the place in its row of a. */
  readonly places: readonly number[];
  /** Of each row: the places that are gathered. */
  readonly gathered: readonly (readonly number[])[];
  readonly cases: Readonly<Record<string, Expected>>;
};
const ROWS = lengths.a.length;

/** The largest difference, relative to the largest element. */
const TOLERANCE = 1e-5;

/** Numbers in [-1, 1), the same as `drawn` of the script. */
function drawn(stream: number, count: number): Float32Array {
  return Float32Array.from({ length: count }, (_, i) => {
    let x = (Math.imul(i, 2654435761) + Math.imul(stream, 40503)) >>> 0;
    x ^= x >>> 15;
    x = Math.imul(x, 0x85ebca6b) >>> 0;
    x ^= x >>> 13;
    return (x >>> 0) / 2 ** 31 - 1;
  });
}

/** The graph of an operation, with its operands as tables, one row for each entry or row of the batch. */
class Case {
  readonly builder = new GraphBuilder();
  readonly columns = new Map<string, Column>();
  readonly start = new Map<string, Float32Array>();
  readonly apply = this.builder.apply;
  /** The outputs of the operation, each with the ids of its lines. */
  readonly outputs: { readonly y: Tensor; readonly ids: Tensor }[] = [];
  readonly #inputs = new Map<string, Tensor>();

  /** The bag of a sequence, each entry with an id of its own. */
  bag(sequence: Sequence): Tensor {
    return this.input(sequence, bagColumn(sequence), {
      dtype: "ids",
      shape: ["B"],
      entries: `L:${sequence}`,
    });
  }

  /** An id of its own for each row. */
  row(): Tensor {
    const data = Int32Array.from({ length: ROWS }, (_, i) => i);
    return this.input("row", { kind: "id", data, offset: 0, stride: 1 }, { dtype: "id", shape: ["B"] });
  }

  /** The bag of b with the places of its entries in a as weights. */
  within(): Tensor {
    const column = { ...bagColumn("b"), weights: Float32Array.from(places) };
    return this.input("within", column, { dtype: "ids", shape: ["B"], entries: "L:b" });
  }

  gathered(): Tensor {
    const data = Float32Array.from(gathered.flat());
    return this.input("places", { kind: "number", data, offset: 0, stride: 4, width: 4 }, fp32("B", 4));
  }

  private input(name: string, column: Column, type: TensorType): Tensor {
    const existing = this.#inputs.get(name);
    if (existing) return existing;
    this.columns.set(name, column);
    const limit = column.kind === "ids" ? column.values.length : column.kind === "id" ? ROWS : 0;
    const [made] = this.apply(OPS.input, [], { name, type, limit });
    this.#inputs.set(name, made);
    return made;
  }

  /** Entries of a sequence, [L, n]. */
  entries(sequence: Sequence, n: number, numbers?: Float32Array): Tensor {
    const count = bagColumn(sequence).values.length;
    return this.apply(OPS.embedEntries, [this.table([count, n], numbers), this.bag(sequence)], {})[0];
  }

  /** A value of each row, [B, …dims]. */
  rows(dims: readonly number[], numbers?: Float32Array): Tensor {
    const n = dims.reduce((a, b) => a * b);
    const [x] = this.apply(OPS.embedding, [this.table([ROWS, n], numbers), this.row()], {});
    return dims.length === 1 ? x : this.apply(OPS.reshape, [x], { dims })[0];
  }

  /** Numbers that are the same in each step, or the next operand. */
  private table(shape: readonly number[], numbers?: Float32Array): Tensor {
    const name = `${numbers ? "constant" : "operand"} ${this.start.size}`;
    const stream = [...this.start.keys()].filter((each) => each.startsWith("operand")).length;
    this.start.set(name, numbers ?? drawn(stream, shape[0] * shape[1]));
    const init = { kind: "constant", value: 0 } as const;
    const attrs = { name, shape, role: "table", init, trainable: numbers === undefined } as const;
    return this.apply(OPS.parameter, [], attrs)[0];
  }
}

function bagColumn(sequence: Sequence): BagColumn {
  const offsets = new BigUint64Array(ROWS + 1);
  for (const [b, length] of lengths[sequence].entries()) offsets[b + 1] = offsets[b] + BigInt(length);
  const values = Int32Array.from({ length: Number(offsets[ROWS]) }, (_, i) => i);
  return { kind: "ids", values, offsets };
}

/** The operations, by the names of their cases. */
const OPERATIONS: Readonly<Record<string, (c: Case, argument: string) => readonly Tensor[]>> = {
  segmentSum: (c, pooling) =>
    c.apply(OPS.segmentSum, [c.entries("a", 2), c.bag("a")], { pooling: pooling as "sum" }),
  segmentMax: (c) => c.apply(OPS.segmentMax, [c.entries("a", 2), c.bag("a")], {}),
  segmentSoftmax: (c) => c.apply(OPS.segmentSoftmax, [c.entries("a", 1), c.bag("a")], {}),
  repeatRows: (c, pooling) =>
    c.apply(OPS.repeatRows, [c.rows([2]), c.bag("a")], { pooling: pooling as "sum" }),
  concatEntries: (c, prefix) => {
    const operands = [c.entries("a", 2), c.bag("a"), c.entries("b", 2), c.bag("b"), c.bag("both")];
    return c.apply(OPS.concatEntries, operands, { prefix: Number(prefix) });
  },
  splitEntries: (c, prefix) => {
    const operands = [c.entries("both", 2), c.bag("both"), c.bag("a"), c.bag("b")];
    return c.apply(OPS.splitEntries, operands, { prefix: Number(prefix) });
  },
  segmentMatmul: (c) => {
    const [x, w, bias] = [c.entries("a", 2), c.rows([2, 3]), c.rows([3])];
    const [products] = c.apply(OPS.segmentMatmul, [x, w, c.bag("a")], { transpose: false });
    const [repeated] = c.apply(OPS.repeatRows, [bias, c.bag("a")], { pooling: "sum" });
    return c.apply(OPS.add, [products, repeated], {});
  },
  gatherEntries: (c, from) =>
    c.apply(OPS.gatherEntries, [c.entries("a", 2), c.gathered(), c.bag("a")], { from: from as "first" }),
  poolEntries: (c, pooling) =>
    c.apply(OPS.poolEntries, [c.entries("b", 2), c.within(), c.bag("a")], { pooling: pooling as "sum" }),
  spreadEntries: (c, pooling) =>
    c.apply(OPS.spreadEntries, [c.entries("a", 2), c.bag("a"), c.within()], { pooling: pooling as "sum" }),
};

/** The outputs, and the loss: the mean over rows of the sums of c y + y² / 2, with drawn numbers c. */
function forward(name: string): Case {
  const [kind, argument] = name.split(" ");
  const c = new Case();
  const outputs = OPERATIONS[kind](c, argument);
  const terms = outputs.map((output, i) => {
    const sequence = entriesOf(output)?.slice(2) as Sequence | undefined;
    const n = width(output);
    const count = sequence ? bagColumn(sequence).values.length : ROWS;
    const factors = drawn(100 + i, count * n);
    const constant = sequence ? c.entries(sequence, n, factors) : c.rows([n], factors);
    const y = sequence ? output : c.apply(OPS.reshape, [output], { dims: [n] })[0];
    c.outputs.push({ y, ids: sequence ? c.bag(sequence) : c.row() });
    const [half] = c.apply(OPS.scale, [y], { factor: 0.5 });
    const [products] = c.apply(OPS.multiply, [y, c.apply(OPS.add, [constant, half], {})[0]], {});
    const ofRows = sequence
      ? c.apply(OPS.segmentSum, [products, c.bag(sequence)], { pooling: "sum" })[0]
      : products;
    return c.apply(OPS.sumColumns, [ofRows], {})[0];
  });
  const [sum] = terms.length > 1 ? c.apply(OPS.add, terms, {}) : terms;
  c.builder.output("loss", c.apply(OPS.batchMean, [sum], {})[0]);
  return c;
}

/** A graph with a step of SGD for the operands. */
function trainingGraph(c: Case): Graph {
  const { graph, gradients } = autodiff(c.builder.finish(), "loss");
  const g = new GraphBuilder(graph);
  for (const { parameter, sparse } of gradients) subtract(g, parameter, sparse);
  return simplify(g.finish());
}

/**
 * A graph that subtracts the outputs of the operation, and the gradients by its operands, from tables of zeros: so lines of entries
 * can be read, and the executor sums the gradients of an operand.
 */
function readingGraph(c: Case): Graph {
  const { graph, gradients } = autodiff(c.builder.finish(), "loss");
  const g = new GraphBuilder(graph);
  const zeros = (name: string, shape: readonly number[]) => {
    const init = { kind: "constant", value: 0 } as const;
    return g.apply(OPS.parameter, [], { name, shape, role: "table", init, trainable: false })[0];
  };
  for (const [i, { y, ids }] of c.outputs.entries()) {
    const lines = ids.entries ? bagColumn(ids.entries.slice(2) as Sequence).values.length : ROWS;
    subtract(g, zeros(`output ${i}`, [lines, width(y)]), [{ ids, grad: y, pooling: "sum" }]);
  }
  for (const [i, { attrs, sparse }] of gradients.entries())
    subtract(g, zeros(`gradient ${i}`, attrs.shape), sparse);
  return simplify(g.finish());
}

function subtract(g: GraphBuilder, table: Tensor, sparse: readonly Omit<SparseGradient, "table">[]): void {
  const [rate] = g.apply(OPS.scalar, [], { name: "rate" });
  const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
  const poolings = sparse.map(({ pooling }) => pooling);
  g.apply(OPS.tableSgd, [table, rate, ...pairs], { poolings, l2: 0, everyRow: false });
}

function run(graph: Graph, c: Case, backend: Backend, rate: number, steps: number) {
  const parameters = graph.nodes.filter(({ op }) => op === OPS.parameter);
  const memory = new Map<string, Memory>(
    parameters.map(({ attrs: { name, shape } }) => [
      name,
      memoryOf(backend, c.start.get(name) ?? new Float32Array(shape[0] * shape[1])),
    ]),
  );
  const executable = backend.compile(graph, memory, { maxBatch: ROWS, threads: 1 });
  const scalars = new Map([["rate", Float32Array.of(rate)]]);
  const rows = { columns: c.columns, rows: ROWS, start: 0, count: ROWS, batch: ROWS };
  let loss = Number.NaN;
  for (let step = 0; step < steps; step++)
    loss = executable.runSync({ ...rows, seed: 0, firstStep: step, scalars }).get("loss")![0];
  return { loss, values: valuesByName(memory) };
}

function expectClose(name: string, got: ArrayLike<number>, expected: Digest): void {
  const count = expected.shape.reduce((a, b) => a * b);
  expect(got.length, name).toBe(count);
  const stride = Math.max(1, Math.ceil(count / 40));
  expected.samples.forEach((value, i) => {
    const error = Math.abs(got[i * stride] - value);
    expect(error, `${name}[${i * stride}]`).toBeLessThanOrEqual(TOLERANCE * expected.largest);
  });
  const factors = drawn(200, count);
  const terms = Array.from(factors, (factor, i) => factor * got[i]);
  const [sum, most] = [terms.reduce((a, b) => a + b), terms.reduce((a, b) => a + Math.abs(b), 0)];
  expect(Math.abs(sum - expected.projection), name).toBeLessThanOrEqual(TOLERANCE * most);
}

/** The reference, which the native core is compared with elsewhere, takes seconds for 10,000 entries. */
const TRIED = ISAS.length > 0 ? BACKENDS.slice(-ISAS.length) : BACKENDS;

describe.each(TRIED)("$name as PyTorch", ({ use }) => {
  it.each(Object.entries(cases))("%s", (name, { rate, loss, outputs, gradients, trained }) => {
    const c = forward(name);
    const once = run(readingGraph(c), c, use(), 1, 1);
    expect(Math.abs(once.loss - loss)).toBeLessThanOrEqual(TOLERANCE * Math.abs(loss));
    const negated = (key: string) => once.values.get(key)!.map((x) => -x) as Float32Array;
    outputs.forEach((each, i) => void expectClose(`output ${i}`, negated(`output ${i}`), each));
    gradients.forEach((each, i) => void expectClose(`gradient ${i}`, negated(`gradient ${i}`), each));
    const { values } = run(trainingGraph(c), c, use(), rate, steps);
    const operands = [...values].filter(([key]) => key.startsWith("operand"));
    expect(operands.length).toBe(trained.length);
    operands.forEach(([key, got], i) => void expectClose(`${key} after ${steps} steps`, got, trained[i]));
  });
});
