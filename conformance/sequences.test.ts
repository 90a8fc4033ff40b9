import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { BagColumn } from "../src/columns/columns.js";
import { selectColumn } from "../src/columns/select.js";
import { GraphError } from "../src/errors.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { asFp32 } from "../src/graph/op.js";
import type { Space } from "../src/graph/space.js";
import { entriesOf, type Tensor, width } from "../src/graph/tensor.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { OPS } from "../src/ops/index.js";
import { simplify } from "../src/passes/compile.js";
import { planMemory } from "../src/passes/memory-plan.js";
import { trainingGraph } from "../src/train/step/model-graphs.js";
import { optimizerSchema } from "../src/train/step/optimizers.js";
import { ISAS } from "./backends.js";
import { evaluateDouble, gradientsDouble, toFloat64 } from "./evaluation.js";
import { type NativeOptions, runNative } from "./native-run.js";
import { type Example, Scene, type Sequence } from "./scene.js";
import { withGradients } from "./with-gradients.js";

/*
 * Random graphs over rows and entries of two sequences: everything that takes entries in place of rows, on the way from
 * rows to entries and back several times, with the gradients of it all.
 */

interface Pool {
  readonly scene: Scene;
  readonly rows: Tensor[];
  /** By sequence: values of its entries, and the bag that says whose they are. */
  readonly sequences: readonly { readonly bag: Tensor; readonly entries: Tensor[] }[];
}

function randomGraph(generate: fc.GeneratorValue, rows: number): Example {
  const scene = new Scene(generate, { rows, largest: 9 });
  const begin = (sequence: Sequence) => ({
    bag: scene.entryIds(scene.size(), sequence),
    entries: [scene.entries(scene.size(), sequence)],
  });
  const pool: Pool = {
    scene,
    rows: [scene.row(scene.size())],
    sequences: [begin(scene.sequence()), begin(scene.sequence())],
  };
  const steps = generate(fc.integer, { min: 4, max: 12 });
  for (let i = 0; i < steps; i++) grow(pool);
  const tensors = [...pool.rows, ...pool.sequences.flatMap(({ entries }) => entries)];
  const loss = scene.project(tensors);
  const example = scene.example([loss, ...pool.rows.filter(() => scene.pick(true, false))]);
  return { ...example, graph: withGradients(example.graph) };
}

function grow({ scene, rows, sequences }: Pool): void {
  const { bag, entries } = scene.pick(...sequences);
  const pooling = scene.pick("sum" as const, "mean" as const);
  const x = scene.pick(...entries);
  switch (
    scene.pick("repeat", "pool", "attend", "meet", "window", "place", "linear", "linear", "entrywise", "rows")
  ) {
    case "repeat":
      entries.push(scene.apply(OPS.repeatRows, [scene.pick(...rows), bag], { pooling }));
      break;
    case "pool":
      rows.push(scene.apply(OPS.segmentSum, [x, bag], { pooling }));
      break;
    case "attend": {
      const score = scene.apply(OPS.linear, [x, scene.weight(1, width(x))], { fn: "none" });
      const weight = scene.apply(OPS.segmentSoftmax, [score, bag], {});
      const spread = scene.apply(OPS.broadcastColumns, [weight], { columns: width(x) });
      const weighted = scene.apply(OPS.multiply, [spread, x], {});
      rows.push(scene.apply(OPS.segmentSum, [weighted, bag], { pooling: "sum" }));
      break;
    }
    case "meet": {
      const [q, k] = [x, scene.pick(...entries)].map((each) =>
        scene.apply(OPS.linear, [each, scene.weight(4, width(each))], { fn: "none" }),
      );
      const operands = [q, k, scene.pick(q, k), bag];
      entries.push(scene.apply(OPS.segmentAttention, operands, { heads: scene.pick(1, 2) }));
      break;
    }
    case "window": {
      const window = { from: scene.pick("first", "last"), skip: scene.pick(0, 2), count: scene.pick(1, 3) };
      const shares = scene.apply(OPS.windowShares, [bag], window);
      const spread = scene.apply(OPS.broadcastColumns, [shares], { columns: width(x) });
      const places = scene.apply(OPS.placeSinusoids, [bag], { from: window.from, columns: width(x) });
      entries.push(scene.apply(OPS.add, [places, scene.apply(OPS.multiply, [spread, x], {})], {}));
      break;
    }
    case "place": {
      const [places, from] = [scene.places(2), scene.pick("first" as const, "last" as const)];
      const lines = scene.apply(OPS.gatherEntries, [x, places, bag], { from });
      rows.push(scene.apply(OPS.reshape, [lines], { dims: [2 * width(x)] }));
      entries.push(scene.apply(OPS.scatterEntries, [lines, scene.places(2), bag], { from }));
      break;
    }
    case "linear": {
      const joined = scene.apply(OPS.concat, [x, scene.pick(...entries)], {});
      const units = scene.size();
      const operands = [joined, scene.weight(units, width(joined)), scene.weight(units)];
      const y = scene.apply(OPS.linear, operands, { fn: "none" });
      entries.push(scene.apply(OPS.activation, [y], { fn: scene.pick("tanh", "sigmoid", "silu") }));
      break;
    }
    case "entrywise": {
      const sums = scene.apply(OPS.sumColumns, [scene.apply(OPS.scale, [x], { factor: 0.5 })], {});
      const flat = scene.apply(OPS.activation, [sums], { fn: "tanh" });
      entries.push(scene.apply(OPS.add, [flat, scene.apply(OPS.reshape, [flat], { dims: [1] })], {}));
      break;
    }
    default:
      rows.push(scene.apply(OPS.activation, [scene.pick(...rows)], { fn: "tanh" }));
  }
}

const RUNS = { seed: 7, numRuns: 8 } as const;
const TOLERANCE = 2e-5;

type Cut = Omit<NativeOptions, "isa" | "threads">;

/** How the batch is cut: tiles of few rows, and groups of one tile or several. */
function randomCut(generate: fc.GeneratorValue): Cut {
  const pick = <T>(...choices: T[]): T => choices[generate(fc.integer, { min: 0, max: choices.length - 1 })];
  return { geometry: { tileRows: pick(1, 5, 32), groups: pick(1, 4, 64) }, tilesAtOnce: pick(1, 2) };
}

function run(example: Example, options: NativeOptions): Map<string, Float32Array> {
  const parameters = new Map([...example.parameters].map(([name, array]) => [name, array.slice()]));
  const results = runNative(example.graph, example, parameters, options);
  return new Map([...results, ...parameters]);
}

describe("graphs over entries of sequences", () => {
  it("have the gradients of central finite differences", () => {
    const h = 1e-6;
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const example = randomGraph(generate, generate(fc.integer, { min: 1, max: 4 }));
        const analytic = gradientsDouble(example);
        const parameters = toFloat64(example.parameters);
        const loss = (): number => {
          const values = evaluateDouble(example.graph, example, parameters);
          return asFp32(values.get(example.graph.outputs.get("y0")!)!).data[0];
        };
        for (const [name, values] of parameters) {
          const i = generate(fc.integer, { min: 0, max: values.length - 1 });
          const at = values[i];
          const shifted = [at + h, at - h].map((value) => {
            values[i] = value;
            return loss();
          });
          values[i] = at;
          const slope = (shifted[0] - shifted[1]) / (2 * h);
          expect(Math.abs((analytic.get(name)?.[i] ?? 0) - slope)).toBeLessThan(1e-7 * (1 + Math.abs(slope)));
        }
      }),
      RUNS,
    );
  });

  it.skipIf(ISAS.length === 0)(
    "give on the native core what the reference gives, and the same bits on any threads",
    () => {
      fc.assert(
        fc.property(fc.gen(), (generate) => {
          const example = randomGraph(generate, generate(fc.integer, { min: 1, max: 80 }));
          const values = evaluateDouble(example.graph, example, toFloat64(example.parameters));
          const cut = randomCut(generate);
          const isa = ISAS[generate(fc.integer, { min: 0, max: ISAS.length - 1 })];
          const got = run(example, { isa, threads: 1, ...cut });
          for (const [name, tensor] of example.graph.outputs)
            expectClose(name, got.get(name)!, asFp32(values.get(tensor)!).data);
          for (const threads of [2, 16]) expect(run(example, { isa, threads, ...cut })).toEqual(got);
        }),
        RUNS,
      );
    },
  );

  it("have memory for the entries of a whole batch only where updates of tables read gradients", () => {
    const graph = simplify(graphOfTraining());
    const options = { maxBatch: 2048, tileRows: 64, groups: 32, tilesAtOnce: 2, alignment: 16 };
    const { views } = planMemory(graph, options);
    const inSpace = (of: Space) =>
      [...views].flatMap(([tensor, { buffer }]) => (buffer.space === of ? [tensor] : []));
    const updates = graph.nodes.filter(({ op }) => op.execution === "table");
    const gradients = updates.flatMap(({ inputs }) => inputs.filter((tensor) => entriesOf(tensor)));
    expect(gradients.length).toBe(2); // one for each encoder
    expect(new Set(inSpace("entries"))).toEqual(new Set(gradients));
    expect(inSpace("tileEntries").length).toBeGreaterThan(10);
  });

  it.skipIf(ISAS.length === 0)("stop at ids that are out of range, whose entries are not read", () => {
    const example = lookups([3, 40, 0, 700]);
    const [[name, column]] = [...example.columns];
    const { values, offsets } = column as BagColumn;
    for (const place of [0, 2, 742]) {
      const wrong = values.slice();
      wrong[place] = 1_000_000_000;
      const columns = new Map([...example.columns, [name, { kind: "ids", values: wrong, offsets } as const]]);
      const options = { isa: ISAS[0], threads: 2, geometry: { tileRows: 1, groups: 4 } };
      expect(() => run({ ...example, columns }, options)).toThrow("an id is out of range");
    }
  });

  it("are refused where an operation knows only rows, or operands are of several sequences", () => {
    const g = new GraphBuilder();
    const entriesOfColumn = (name: string): Tensor => {
      const type = { dtype: "ids", shape: ["B"], entries: `L:${name}` } as const;
      const [bag] = g.apply(OPS.input, [], { name, type, limit: 4 });
      const init = { kind: "constant", value: 0 } as const;
      const attrs = { name: `t.${name}`, shape: [4, 2], role: "table", trainable: true, init } as const;
      return g.apply(OPS.embedEntries, [g.apply(OPS.parameter, [], attrs)[0], bag], {})[0];
    };
    const [a, b] = ["a", "b"].map(entriesOfColumn);
    expect(() => g.apply(OPS.softmax, [a], {})).toThrow(GraphError);
    expect(() => g.apply(OPS.concat, [a, b], {})).toThrow(GraphError);
    expect(() => g.apply(OPS.add, [a, b], {})).toThrow(GraphError);
  });
});

describe.skipIf(ISAS.length === 0)("target attention", () => {
  it("streams a row of 10,000 entries: its values take the memory of a tile", () => {
    const example = attention([0, 10_000, 1, 0, 300]);
    const graph = withGradients(example.graph);
    const values = evaluateDouble(graph, example, toFloat64(example.parameters));
    const options = { isa: ISAS[0], geometry: { tileRows: 32, groups: 2 } };
    const got = run({ ...example, graph }, { ...options, threads: 1 });
    for (const [name, tensor] of graph.outputs) {
      expectClose(name, got.get(name)!, asFp32(values.get(tensor)!).data);
    }
    expect(run({ ...example, graph }, { ...options, threads: 2 })).toEqual(got);
  });

  it("gives a row the same bits whichever rows are around it", () => {
    const example = attention([3, 0, 70, 1, 12, 500, 33, 0]);
    const options = { isa: ISAS[0], threads: 2, geometry: { tileRows: 32, groups: 1 } };
    const whole = run(example, options).get("y1")!;
    const order = [6, 2, 0, 2, 5, 7, 1];
    const columns = new Map(
      [...example.columns].map(([name, column]) => [name, selectColumn(column, Uint32Array.from(order))]),
    );
    const picked = run({ ...example, columns, rows: order.length }, options).get("y1")!;
    order.forEach((row, i) => {
      expect(picked.subarray(i * 8, i * 8 + 8)).toEqual(whole.subarray(row * 8, row * 8 + 8));
    });
  });

  it("gives zeros for a row without entries", () => {
    const pooled = run(attention([0, 2, 0]), { isa: ISAS[0], threads: 1 }).get("y1")!;
    expect(pooled.subarray(0, 8)).toEqual(new Float32Array(8));
    expect(pooled.subarray(16, 24)).toEqual(new Float32Array(8));
  });
});

describe.skipIf(ISAS.length === 0)("self-attention", () => {
  it("among 10,000 entries weighs equal ones by their number, with memory for the row alone", () => {
    const [ids, dim, length] = [40, 4, 10_000];
    const example = lookups([2, length, 0]);
    const got = runNative(example.graph, example, new Map(example.parameters), { isa: ISAS[0], threads: 2 });
    const [table] = [...example.parameters.values()];
    const [column] = [...example.columns.values()];
    const { values, offsets } = column as BagColumn;
    const row = Array.from(values.subarray(Number(offsets[1]), Number(offsets[2])), Number);
    const expected = meanOfAttended(table, row, ids, dim, 2);
    expectClose("row of 10,000", got.get("y0")!.subarray(dim, 2 * dim), expected);
    expect(got.get("y0")!.subarray(2 * dim)).toEqual(new Float32Array(dim));
  });
});

/** The training of DIN with one table. */
function graphOfTraining(): Graph {
  const din = { kind: "din", query: ["item"], columns: ["items"], mlp: { hiddenUnits: [8, 4] } };
  const model = modelSchema.parse({
    kind: "mlp",
    features: ["item"],
    embeddingDim: 16,
    sequences: [din, { kind: "selfAttention", columns: ["items"], dim: 8, heads: 2, positions: "last" }],
    mlp: { hiddenUnits: [8] },
  });
  const features: FeatureInfo[] = [
    { kind: "id", name: "item", table: "item", rows: 100 },
    { kind: "ids", name: "items", table: "item", rows: 100, sequence: "history" },
  ];
  const l2 = { dense: 0, embedding: 0, rows: "all" } as const;
  return trainingGraph({ model, features }, { optimizers: optimizerSchema.parse({}), l2, weighted: false });
}

/** Sums of the vectors of entries that meet each other. */
function lookups(lengths: readonly number[]): Example {
  const [example] = fc.sample(
    fc.gen().map((generate) => {
      const scene = new Scene(generate, { rows: lengths.length, largest: 8 });
      const bag = scene.entryIds(40, { entries: "L:history", lengths });
      const x = scene.apply(OPS.embedEntries, [scene.weight(40, 4), bag], {});
      const y = scene.apply(OPS.segmentAttention, [x, x, x, bag], { heads: 2 });
      return scene.example([scene.apply(OPS.segmentSum, [y, bag], { pooling: "mean" })]);
    }),
    { seed: 5, numRuns: 1 },
  );
  return example;
}

/** The mean over a row of its self-attention, where each id is met as often as it occurs. */
function meanOfAttended(
  table: Float32Array,
  row: readonly number[],
  ids: number,
  dim: number,
  heads: number,
): number[] {
  const counts = Array.from({ length: ids }, (_, id) => row.filter((each) => each === id).length);
  const size = dim / heads;
  return Array.from({ length: dim }, (_, d) => {
    const first = Math.floor(d / size) * size;
    const score = (i: number, j: number): number => {
      const products = Array.from(
        { length: size },
        (_, c) => table[i * dim + first + c] * table[j * dim + first + c],
      );
      return Math.exp(products.reduce((a, b) => a + b, 0) / Math.sqrt(size));
    };
    return counts.reduce((total, count, i) => {
      const weights = counts.map((each, j) => each * score(i, j));
      const all = weights.reduce((a, b) => a + b, 0);
      const taken = weights.reduce((sum, weight, j) => sum + weight * table[j * dim + d], 0);
      return total + (count * taken) / all / row.length;
    }, 0);
  });
}

/** `y0`, a loss, and `y1`: a row's history, weighted by its match with a query. */
function attention(lengths: readonly number[]): Example {
  const [example] = fc.sample(
    fc.gen().map((generate) => {
      const scene = new Scene(generate, { rows: lengths.length, largest: 8 });
      const sequence: Sequence = { entries: "L:history", lengths };
      const bag = scene.entryIds(5, sequence);
      const x = scene.entries(8, sequence);
      const query = scene.apply(OPS.repeatRows, [scene.row(8), bag], { pooling: "sum" });
      const product = scene.apply(OPS.multiply, [query, x], {});
      const joined = scene.apply(OPS.concat, [query, x, product], {});
      const hidden = scene.apply(OPS.linear, [joined, scene.weight(6, 24), scene.weight(6)], { fn: "none" });
      const active = scene.apply(OPS.activation, [hidden], { fn: "tanh" });
      const score = scene.apply(OPS.linear, [active, scene.weight(1, 6)], { fn: "none" });
      const weight = scene.apply(OPS.segmentSoftmax, [score, bag], {});
      const spread = scene.apply(OPS.broadcastColumns, [weight], { columns: 8 });
      const weighted = scene.apply(OPS.multiply, [spread, x], {});
      const pooled = scene.apply(OPS.segmentSum, [weighted, bag], { pooling: "sum" });
      return scene.example([scene.project([pooled]), pooled]);
    }),
    { seed: 3, numRuns: 1 },
  );
  return example;
}

function expectClose(name: string, got: Float32Array, expected: ArrayLike<number>): void {
  const most = Array.from(expected).reduce((top, value) => Math.max(top, Math.abs(value)), 1);
  const bad = got.findIndex((value, i) => !(Math.abs(value - expected[i]) <= TOLERANCE * (1 + most)));
  expect(bad < 0 ? "" : `${name}[${bad}]: ${got[bad]} for ${expected[bad]}`).toBe("");
}
