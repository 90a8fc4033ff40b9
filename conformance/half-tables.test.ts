import { describe, expect, it } from "vitest";
import type { Backend, Memory } from "../src/backends/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { memoryOf, valuesOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { fp32, type Tensor } from "../src/graph/tensor.js";
import { type HalfDtype, narrow, roundStochastically, widen } from "../src/half.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { draw, drawKey } from "../src/random.js";
import { Parameters } from "../src/train/parameters.js";
import { parametersOf } from "../src/train/step/model-graphs.js";
import { type EmbeddingOptimizer, optimizerSchema } from "../src/train/step/optimizers.js";
import { updateTable } from "../src/train/step/update-table.js";
import { BACKENDS, ISAS, nativeOn } from "./backends.js";

const [TABLE, DIM, ROWS] = [40, 7, 60];
const HALVES: readonly HalfDtype[] = ["fp16", "bf16"];
const SEED = 2 ** 33 + 5;
const STREAM = 77;

const init = { kind: "constant", value: 0 } as const;
const attrs = (dtype: HalfDtype) =>
  ({ name: "table", shape: [TABLE, DIM], role: "table", init, trainable: true, dtype }) as const;

/** Gradients come as a column. */
function sources(g: GraphBuilder, dtype: HalfDtype): Record<"table" | "rate" | "ids" | "grad", Tensor> {
  const [table] = g.apply(OPS.parameter, [], attrs(dtype));
  const [rate] = g.apply(OPS.scalar, [], { name: "rate" });
  const [ids] = g.apply(OPS.input, [], { name: "ids", type: { dtype: "id", shape: ["B"] }, limit: TABLE });
  const [grad] = g.apply(OPS.input, [], { name: "grad", type: fp32("B", DIM), limit: 0 });
  return { table, rate, ids, grad };
}

function sgdGraph(dtype: HalfDtype, everyRow: boolean): Graph {
  const g = new GraphBuilder();
  const { table, rate, ids, grad } = sources(g, dtype);
  const settings = { poolings: ["sum"], l2: 0, everyRow, stream: STREAM } as const;
  g.apply(OPS.tableSgd, [table, rate, ids, grad], settings);
  g.output("looked up", g.apply(OPS.embedding, [table, ids], {})[0]);
  return simplify(g.finish());
}

const key = drawKey(3, 0, 0);
/** Some rows of the table, with duplicates. */
const ID_OF = Int32Array.from({ length: ROWS }, (_, b) => draw(key, b) % (TABLE / 2));
/** Multiples of 2^-12 below 2^-4: sums of them and of the weights are exact in fp32. */
const GRADS = Float32Array.from({ length: ROWS * DIM }, (_, i) => ((draw(key, 1000 + i) % 511) - 255) / 4096);
const WEIGHTS = Float32Array.from({ length: TABLE * DIM }, (_, i) => ((draw(key, 9000 + i) % 127) - 63) / 64);

const COLUMNS = new Map<string, Column>([
  ["ids", { kind: "id", data: ID_OF, offset: 0, stride: 1 }],
  ["grad", { kind: "number", data: GRADS, offset: 0, stride: DIM, width: DIM }],
]);

const step = (firstStep: number, rate: number, columns = COLUMNS) => ({
  columns,
  rows: ROWS,
  start: 0,
  count: ROWS,
  batch: ROWS,
  seed: SEED,
  firstStep,
  scalars: new Map([["rate", Float32Array.of(rate)]]),
});

function halves(values: Float32Array, dtype: HalfDtype): Uint16Array {
  const to = new Uint16Array(values.length);
  narrow(values, to, dtype);
  return to;
}

function floats(values: Uint16Array, dtype: HalfDtype): Float32Array {
  const to = new Float32Array(values.length);
  widen(values, to, dtype);
  return to;
}

function startTable(backend: Backend, dtype: HalfDtype, values: Float32Array): Memory {
  return memoryOf(backend, halves(values, dtype), dtype);
}

describe.each(BACKENDS)("$name", ({ use }) => {
  describe.each(HALVES)("%s", (dtype) => {
    it.each([true, false])("rounds updates by the draws of the format, every row %s", (everyRow) => {
      const sums = Float32Array.from(WEIGHTS);
      for (let i = 0; i < GRADS.length; i++) sums[ID_OF[Math.floor(i / DIM)] * DIM + (i % DIM)] += GRADS[i];
      const rounding = drawKey(SEED, STREAM, 4);
      const expected = Array.from(sums, (sum, i) => roundStochastically(sum, dtype, draw(rounding, i)));
      for (const threads of [1, 2, 4]) {
        const backend = use();
        const table = startTable(backend, dtype, WEIGHTS);
        const graph = sgdGraph(dtype, everyRow);
        const executable = backend.compile(graph, new Map([["table", table]]), { maxBatch: ROWS, threads });
        const result = executable.runSync(step(4, -1));
        expect(Array.from(valuesOf(table))).toEqual(expected);
        // Lookups read the weights of before the step.
        const before = Array.from(ID_OF).flatMap((id) => [...WEIGHTS.subarray(id * DIM, (id + 1) * DIM)]);
        expect(Array.from(result.get("looked up")!)).toEqual(before);
      }
    });

    it("adds up updates far below the distance of neighbours", () => {
      const backend = use();
      const table = startTable(backend, dtype, new Float32Array(TABLE * DIM).fill(1));
      const executable = backend.compile(sgdGraph(dtype, false), new Map([["table", table]]), {
        maxBatch: ROWS,
        threads: 1,
      });
      // Each step a sixteenth of the way to the next number; each row once.
      const distance = dtype === "fp16" ? 2 ** -10 : 2 ** -7;
      const columns = new Map<string, Column>([
        ["ids", { kind: "id", data: Int32Array.from({ length: ROWS }, (_, b) => b), offset: 0, stride: 1 }],
        [
          "grad",
          {
            kind: "number",
            data: new Float32Array(ROWS * DIM).fill(distance / 16),
            offset: 0,
            stride: DIM,
            width: DIM,
          },
        ],
      ]);
      const steps = 64;
      for (let i = 0; i < steps; i++)
        executable.runSync({ ...step(i, -1, columns), count: TABLE, batch: TABLE });
      const moved =
        floats(valuesOf(table) as Uint16Array, dtype).reduce((sum, w) => sum + w - 1, 0) / table.elements;
      // A step moves a weight by `distance` with probability 1/16; five standard deviations of the mean.
      const deviation = (distance * Math.sqrt((steps * 15) / 256)) / Math.sqrt(table.elements);
      expect(Math.abs(moved - (steps * distance) / 16)).toBeLessThan(5 * deviation);
    });
  });
});

const OPTIMIZERS = [
  { kind: "sgd" },
  { kind: "adagrad" },
  { kind: "rowWiseAdagrad" },
  { kind: "adam", lazy: false },
  { kind: "partialRowWiseAdam" },
  { kind: "lamb" },
  { kind: "partialRowWiseLamb", lazy: false },
  { kind: "larsSgd" },
  { kind: "rmsprop" },
  { kind: "adadelta" },
] as const;

describe.each(ISAS)("native %s", (isa) => {
  it.each(OPTIMIZERS)("updates tables as the reference does: $kind", (settings) => {
    const optimizer = optimizerSchema.parse({ embedding: settings }).embedding as EmbeddingOptimizer;
    for (const dtype of HALVES) {
      const [got, expected] = [nativeOn(isa), referenceBackend].map((backend) => {
        const g = new GraphBuilder();
        const { table, rate, ids, grad } = sources(g, dtype);
        const sparse = [{ ids, grad, pooling: "sum" as const }];
        const gradient = { parameter: table, attrs: attrs(dtype), dense: undefined, sparse };
        updateTable(g, gradient, rate, optimizer, { l2: 0.01, rows: "touched" });
        const graph = simplify(g.finish());
        const parameters = new Parameters(backend, parametersOf(graph));
        parameters.initialize(1);
        const weights = parameters.memory.get("table")!;
        weights.write(0, halves(WEIGHTS, dtype));
        backend.compile(graph, parameters.memory, { maxBatch: ROWS, threads: 2 }).runSync(step(2, 0.1));
        return Array.from(valuesOf(weights));
      });
      // The fp32 number before rounding may differ in its last bits. Where these decide, it is rounded to the other
      // neighbour.
      const apart = got.map((half, i) => Math.abs(half - expected[i]));
      expect(Math.max(...apart)).toBeLessThanOrEqual(1);
      expect(apart.filter((distance) => distance > 0).length).toBeLessThanOrEqual(0.02 * apart.length);
      expect(got).not.toEqual(Array.from(halves(WEIGHTS, dtype)));
    }
  });
});
