import { describe, expect, it } from "vitest";
import type { Backend, RunRequest as GraphRequest, Memory } from "../backends/backend.js";
import { nativeBackend } from "../backends/native/backend.js";
import type { NativeMemory } from "../backends/native/memory.js";
import { referenceBackend } from "../backends/reference/backend.js";
import { valuesByName, valuesOf } from "../backends/testing.js";
import type { Column } from "../columns/columns.js";
import { ExecutionError } from "../errors.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import { fp32, type Tensor } from "../graph/tensor.js";
import type { Numbers } from "../half.js";
import { OPS } from "../ops/index.js";
import type { ParameterAttrs } from "../ops/sources.js";
import { autodiff } from "../passes/autodiff.js";
import { compileProgram, simplify } from "../passes/compile.js";
import { draw, drawKey } from "../random.js";
import { type Addon, loadAddon, type NativeColumn, type RunRequest } from "./addon.js";

const result = loadAddon();
const DIM = 5;
const ROWS = 150;
const TABLE = 40;

/** A numbers, an id and a bag column, deterministic and full of repeated ids. */
function columns(): Map<string, Column> {
  const key = drawKey(11, 0, 0);
  const below = (i: number, limit: number): number => draw(key, i) % limit;
  const dense = Float32Array.from({ length: ROWS * 4 }, (_, i) => below(i, 1000) / 500 - 1);
  const ids = Int32Array.from({ length: ROWS * 2 }, (_, i) => below(10_000 + i, 1 + below(i, TABLE)));
  const sizes = Array.from({ length: ROWS }, (_, i) => below(20_000 + i, 4));
  const offsets = BigUint64Array.from([
    0n,
    ...sizes.map((_, i) => BigInt(sizes.slice(0, i + 1).reduce((a, b) => a + b))),
  ]);
  const values = Int32Array.from({ length: Number(offsets[ROWS]) }, (_, i) => below(30_000 + i, TABLE));
  return new Map<string, Column>([
    ["dense", { kind: "number", data: dense, offset: 0, stride: 4, width: 3 }],
    ["label", { kind: "number", data: dense.map((v) => (v > 0 ? 1 : 0)), offset: 3, stride: 4, width: 1 }],
    ["a", { kind: "id", data: ids, offset: 0, stride: 2 }],
    ["b", { kind: "id", data: ids, offset: 1, stride: 2 }],
    ["bag", { kind: "ids", values, offsets }],
  ]);
}

interface Options {
  readonly table: "tableSgd" | "tableAdagrad" | "tableRowWiseAdagrad" | "tableAdam";
  readonly everyRow: boolean;
}

/** Trains a small network that meets every kind of stage: tables with ids and bags, batch norm, dropout, Adam. */
function network({ table, everyRow }: Options): Graph {
  const g = new GraphBuilder();
  const one = <A>(op: Parameters<typeof g.apply<A>>[0], inputs: Tensor[], attrs: A): Tensor =>
    g.apply(op, inputs, attrs)[0];
  const init = { kind: "uniform", low: -0.5, high: 0.5 } as const;
  const weight = (name: string, role: ParameterAttrs["role"], ...shape: number[]): Tensor =>
    one(OPS.parameter, [], { name, shape, role, init, trainable: role === "dense" || role === "table" });
  const ids = (name: string, dtype: "id" | "ids"): Tensor =>
    one(OPS.input, [], { name, type: { dtype, shape: ["B"] }, limit: TABLE });
  const dense = one(OPS.input, [], { name: "dense", type: fp32("B", 3), limit: 0 });
  const label = one(OPS.input, [], { name: "label", type: fp32("B", 1), limit: 0 });
  const items = weight("items", "table", TABLE, DIM);
  const tags = weight("tags", "table", TABLE, DIM);
  const h = one(OPS.linear, [dense, weight("w0", "dense", DIM, 3), weight("b0", "dense", DIM)], {
    fn: "none",
  });
  const [mean, variance] = g.apply(OPS.batchMoments, [h], {});
  const normal = one(
    OPS.batchNormalize,
    [h, mean, variance, weight("gamma", "dense", DIM), weight("beta", "dense", DIM)],
    { eps: 1e-5, training: true },
  );
  g.apply(
    OPS.updateRunning,
    [weight("mean", "buffer", DIM), weight("variance", "buffer", DIM), mean, variance],
    { momentum: 0.1 },
  );
  const fields = one(
    OPS.concat,
    [
      normal,
      one(OPS.embedding, [items, ids("a", "id")], {}),
      one(OPS.embedding, [items, ids("b", "id")], {}),
      one(OPS.embeddingBag, [tags, ids("bag", "ids")], { pooling: "mean" }),
    ],
    {},
  );
  const dots = one(OPS.dotInteraction, [one(OPS.reshape, [fields], { dims: [4, DIM] })], {});
  const joined = one(OPS.concat, [dots, normal], {});
  const hidden = one(
    OPS.dropout,
    [one(OPS.linear, [joined, weight("w1", "dense", 7, 6 + DIM), weight("b1", "dense", 7)], { fn: "relu" })],
    { rate: 0.3, stream: 4 },
  );
  const logits = one(OPS.linear, [hidden, weight("w2", "dense", 1, 7)], { fn: "none" });
  g.output("logits", logits);
  g.output("loss", one(OPS.batchMean, [one(OPS.sigmoidCrossEntropy, [logits, label], {})], {}));

  const { graph, gradients } = autodiff(g.finish(), "loss");
  const t = new GraphBuilder(graph);
  const state = (name: string, ...shape: number[]): Tensor =>
    t.apply(OPS.parameter, [], {
      name,
      shape,
      role: "state",
      init: { kind: "constant", value: 0 },
      trainable: false,
    })[0];
  const [lr] = t.apply(OPS.scalar, [], { name: "lr" });
  for (const {
    parameter,
    attrs: { name, shape },
    dense: gradient,
    sparse,
  } of gradients) {
    if (gradient) {
      const states = [state(`${name}.m`, ...shape), state(`${name}.v`, ...shape)];
      t.apply(OPS.adam, [parameter, gradient, lr, ...states], {
        beta1: 0.9,
        beta2: 0.99,
        eps: 1e-2,
        l2: 0.01,
        weightDecay: 0.1,
      });
      continue;
    }
    const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
    const attrs = {
      l2: 0.02,
      everyRow,
      poolings: sparse.map(({ pooling }) => pooling),
      eps: 1e-2,
      beta1: 0.9,
      beta2: 0.99,
    };
    const shapes = {
      tableSgd: [],
      tableAdagrad: [shape],
      tableRowWiseAdagrad: [[TABLE]],
      tableAdam: [shape, shape],
    }[table];
    const states = shapes.map((s, i) => state(`${name}.state${i}`, ...s));
    t.apply(OPS[table], [parameter, lr, ...states, ...pairs], attrs as never);
  }
  return simplify(t.finish());
}

/** Parameters with the initial values of the reference. */
function initialize<M extends Memory>(
  graph: Graph,
  backend: Omit<Backend, "allocate"> & { allocate(elements: number): M },
): Map<string, M> {
  const parameters = new Map<string, M>();
  graph.nodes
    .filter(({ op }) => op === OPS.parameter)
    .forEach(({ attrs }, stream) => {
      const { name, shape, init } = attrs as ParameterAttrs;
      const [own, reference] = [backend, referenceBackend].map((each) =>
        each.allocate(shape.reduce((a, b) => a * b, 1)),
      );
      reference.fill(init, 5, stream);
      own.write(0, valuesOf(reference));
      parameters.set(name, own as M);
    });
  return parameters;
}

interface Run {
  readonly parameters: Map<string, Numbers>;
  readonly logits: Float32Array;
  readonly loss: Float32Array;
}

const STEPS = { start: 10, count: 130, batch: 50, seed: 9, firstStep: 3, shuffle: { seed: 21, epoch: 2 } };

function prepare(addon: Addon, graph: Graph, threads: number, tileRows = 16) {
  const program = compileProgram(graph, 64, { geometry: { tileRows, groups: 3 } });
  const parameters = initialize(graph, nativeBackend(addon));
  const executable = addon.compile(
    program.bytes,
    program.parameters.map((name) => parameters.get(name)!.handle),
    threads,
  );
  const data = columns();
  const steps = Math.ceil(STEPS.count / STEPS.batch);
  const outputs = executable.outputs.map(
    ({ per, width }) => new Float32Array((per === "row" ? STEPS.count : steps) * width),
  );
  const request: RunRequest = {
    ...STEPS,
    columns: program.inputs.map((name) => native(data.get(name)!)),
    rows: ROWS,
    scalars: Float32Array.from({ length: steps }, (_, i) => 0.1 / (i + 1)),
    outputs,
    parametersChanged: true,
  };
  const output = (name: string): Float32Array =>
    outputs[executable.outputs.findIndex((o) => o.name === name)];
  return { executable, request, parameters, output };
}

function native(column: Column): NativeColumn {
  return column;
}

async function runNative(addon: Addon, graph: Graph, threads: number, tileRows?: number): Promise<Run> {
  const { executable, request, parameters, output } = prepare(addon, graph, threads, tileRows);
  expect(await addon.run(executable, request)).toBe(3);
  return { parameters: valuesByName(parameters), logits: output("logits"), loss: output("loss") };
}

function runReference(graph: Graph): Run {
  const parameters = initialize(graph, referenceBackend);
  const scalars = new Map([["lr", Float32Array.from([0.1, 0.05, 0.1 / 3])]]);
  const request: GraphRequest = { ...STEPS, columns: columns(), rows: ROWS, scalars };
  const results = referenceBackend.compile(graph, parameters, { maxBatch: 64 }).runSync(request);
  return { parameters: valuesByName(parameters), logits: results.get("logits")!, loss: results.get("loss")! };
}

function expectClose(got: Numbers, expected: Numbers, name: string): void {
  expect(got.length, name).toBe(expected.length);
  const errors = Array.from(expected, (e, i) => Math.abs(got[i] - e) / (1e-2 + Math.abs(e)));
  expect(Math.max(...errors), name).toBeLessThan(1e-4);
}

describe.skipIf(!result.addon)("native addon", () => {
  const addon = result.addon!;

  const kinds = ["tableSgd", "tableAdagrad", "tableRowWiseAdagrad", "tableAdam"] as const;
  const cases = kinds.flatMap((table) => [true, false].map((everyRow) => ({ table, everyRow })));
  it.each(cases)("trains as the reference does: $table, every row $everyRow", async (options) => {
    const graph = network(options);
    const [got, expected] = [await runNative(addon, graph, 2), runReference(graph)];
    expectClose(got.loss, expected.loss, "loss");
    expectClose(got.logits, expected.logits, "logits");
    for (const [name, values] of expected.parameters) expectClose(got.parameters.get(name)!, values, name);
  });

  it("gives the same bits for any number of threads", async () => {
    const graph = network({ table: "tableAdam", everyRow: false });
    const one = await runNative(addon, graph, 1);
    for (const threads of [2, 4]) expect(await runNative(addon, graph, threads)).toEqual(one);
  });

  it("gives the same bits whether steps come in one call or in several", async () => {
    const graph = network({ table: "tableAdagrad", everyRow: false });
    const whole = await runNative(addon, graph, 2);
    const { executable, request, parameters } = prepare(addon, graph, 2);
    for (let step = 0; step < 3; step++) {
      const start = STEPS.start + step * STEPS.batch;
      const count = Math.min(STEPS.batch, STEPS.start + STEPS.count - start);
      const scalars = request.scalars.slice(step, step + 1);
      const part = {
        ...request,
        start,
        count,
        scalars,
        firstStep: STEPS.firstStep + step,
        parametersChanged: false,
      };
      expect(addon.runSync(executable, part)).toBe(1);
    }
    expect(valuesByName(parameters)).toEqual(whole.parameters);
  });

  it("names a bad id and leaves the parameters as the step before did", async () => {
    const graph = network({ table: "tableSgd", everyRow: false });
    const { executable, request, parameters } = prepare(addon, graph, 2);
    const before = valuesByName(parameters);
    const ids = request.columns.findIndex((_, i) => executable.inputs[i].name === "a");
    const column = request.columns[ids] as { data: Int32Array; offset: number; stride: number };
    const data = column.data.slice();
    for (let row = 0; row < ROWS; row++) if (row % 7 === 5) data[row * 2] = row % 2 === 0 ? TABLE : -1;
    const bad = { ...request, columns: request.columns.with(ids, { ...column, data }), shuffle: undefined };
    await expect(addon.run(executable, bad)).rejects.toThrow(
      /input a, row 12: an id is out of range\n +got: +id 40\n +expected: 0 to 39/,
    );
    expect(valuesByName(parameters)).toEqual(before);
    expect(await addon.run(executable, request)).toBe(3);
  });

  it("refuses a second run on an executable that runs, and requests that do not fit", async () => {
    const { executable, request } = prepare(addon, network({ table: "tableSgd", everyRow: false }), 2);
    const first = addon.run(executable, request);
    await expect(addon.run(executable, request)).rejects.toThrow(/running already/);
    await first;
    const refused = (change: Partial<RunRequest>, message: RegExp): void => {
      expect(() => addon.runSync(executable, { ...request, ...change })).toThrow(message);
      expect(() => addon.runSync(executable, { ...request, ...change })).toThrow(ExecutionError);
    };
    refused({ rows: ROWS + 1 }, /too short/);
    refused({ start: ROWS - 5 }, /reach beyond the rows/);
    refused({ batch: 65 }, /wrong batch/);
    refused({ batch: 0 }, /wrong batch/);
    refused({ scalars: new Float32Array(1) }, /wrong number of scalars/);
    refused({ seed: -1 }, /seed: a number is not whole/);
    refused({ columns: request.columns.slice(1) }, /wrong number of columns/);
    refused({ outputs: request.outputs.map(() => new Float32Array(1)) }, /too short/);
    expect(addon.runSync(executable, { ...request, outputs: request.outputs.map(() => null) })).toBe(3);
    expect(addon.runSync(executable, { ...request, count: 0, scalars: new Float32Array(0) })).toBe(0);
  });

  it("cancels after the step at hand", async () => {
    const { executable, request } = prepare(addon, network({ table: "tableSgd", everyRow: false }), 2);
    const steps = 40_000;
    const many = { ...request, batch: 1, start: 0, count: 150, outputs: request.outputs.map(() => null) };
    let done = 0;
    for (let first = 0; first < steps; first += 150) {
      const run = addon.run(executable, { ...many, scalars: new Float32Array(150) });
      addon.cancel(executable);
      done = await run;
      if (done < 150) break;
    }
    expect(done).toBeLessThan(150);
    expect(await addon.run(executable, { ...many, scalars: new Float32Array(150) })).toBe(150);
  });

  it("measures where the time goes when asked", () => {
    const { executable, request } = prepare(addon, network({ table: "tableSgd", everyRow: false }), 1);
    addon.enableProfile(executable, true);
    addon.runSync(executable, request);
    const times = addon.profile(executable);
    expect(times.length).toBe(executable.instructions.length + 2);
    const instructions = times.subarray(0, executable.instructions.length);
    const [folding, packing] = times.subarray(executable.instructions.length);
    expect(folding).toBeGreaterThanOrEqual(0);
    expect(instructions.every((t) => t > 0) && packing > 0).toBe(true);
  });

  it("checks parameters when it compiles", () => {
    const graph = network({ table: "tableSgd", everyRow: false });
    const program = compileProgram(graph, 64);
    const backend = nativeBackend(addon);
    const parameters = [...initialize(graph, backend).values()];
    const compile = (memories: readonly NativeMemory[], threads = 1) => {
      const handles = memories.map(({ handle }) => handle);
      return addon.compile(program.bytes, handles, threads);
    };
    expect(() => compile(parameters.slice(1))).toThrow(/wrong number of parameters/);
    expect(() => compile(parameters.with(0, backend.allocate(1)))).toThrow(/wrong size/);
    expect(() => compile(parameters.with(0, backend.allocate(parameters[0].elements, "bf16")))).toThrow(
      /another dtype/,
    );
    expect(() => addon.compile(program.bytes, [{} as never], 1)).toThrow(/wrong type/);
    expect(() => compile(parameters, 0)).toThrow(/wrong number of threads/);
    const damaged = program.bytes.slice();
    damaged[100] ^= 1;
    expect(() => addon.compile(damaged, [], 1)).toThrow(/checksum/);
  });

  it.each(["constant", "uniform", "normal"] as const)("fills as the reference does: %s", (kind) => {
    const init = {
      constant: { kind: "constant", value: 2.5 },
      uniform: { kind: "uniform", low: -1, high: 3 },
      normal: { kind: "normal", mean: 1, std: 0.1 },
    }[kind] as ParameterAttrs["init"];
    const [got, expected] = [nativeBackend(addon), referenceBackend].map((backend) => {
      const memory = backend.allocate(20_001);
      memory.fill(init, 2 ** 40 + 17, 3);
      return valuesOf(memory);
    });
    expect(got).toEqual(expected);
  });

  it("gives zeroed memory of any size and maps files", () => {
    for (const elements of [0, 1, 1024, (1 << 19) + 1]) {
      const values = valuesOf(nativeBackend(addon).allocate(elements));
      expect(values).toEqual(new Float32Array(elements));
    }
    expect(() => addon.allocateParameter(2 ** 53, "fp32", 2 ** 53)).toThrow(/out of memory/);
    expect(() => addon.mapFile("/nonexistent/file")).toThrow(/cannot be mapped/);
  });
});
