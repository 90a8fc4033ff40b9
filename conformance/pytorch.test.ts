import { describe, expect, it } from "vitest";
import type { Backend, Memory, RunResult } from "../src/backends/backend.js";
import { valuesByName, valuesOf } from "../src/backends/testing.js";
import { type Graph, GraphBuilder } from "../src/graph/graph.js";
import { Scope } from "../src/layers/scope.js";
import { modelOf } from "../src/models/index.js";
import { ModelFeatures } from "../src/models/model.js";
import { OPS } from "../src/ops/index.js";
import { autodiff } from "../src/passes/autodiff.js";
import { simplify } from "../src/passes/compile.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph, LOGITS, LOSS, parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { learningRates } from "../src/train/step/optimizer-groups.js";
import { BACKENDS } from "./backends.js";
import { type Fixture, readFixture, runOptions, SPECS } from "./fixtures.js";

/** The largest difference that a tensor may have, relative to its largest element. */
const TOLERANCE = 1e-5;

describe.each(BACKENDS)("$name as PyTorch", ({ use }) => {
  describe.each(Object.entries(SPECS.models))("%s", (name, { runs }) => {
    it("logits, loss and every gradient", async () => {
      const fixture = await readFixture(name);
      const got = gradients(fixture, use());
      const expected = [...fixture.tensors].filter(([key]) => /^(logits|loss|grad\/.*)$/.test(key));
      expect([...got.keys()].sort()).toEqual(expected.map(([key]) => key).sort());
      for (const [key, values] of expected) expectClose(key, got.get(key)!, values);
    });

    it.each(runs)(`weights and predictions after ${SPECS.steps} steps of %s`, async (run) => {
      const fixture = await readFixture(name);
      const backend = use();
      const { weights, logits } = train(fixture, run, backend);
      const expected = [...fixture.tensors].filter(([key]) => key.startsWith(`${run}/weights/`));
      expect(expected.length).toBeGreaterThan(0);
      for (const [key, values] of expected)
        expectClose(key, weights.get(key.split("/")[2]) as Float32Array, values);
      expectClose("logits", logits, fixture.tensors.get(`${run}/logits`)!);
    });
  });
});

function expectClose(name: string, got: Float32Array, expected: Float32Array): void {
  expect(got.length, name).toBe(expected.length);
  const scale = expected.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  const error = expected.reduce((most, value, i) => Math.max(most, Math.abs(got[i] - value)), 0);
  expect(error / (scale || 1), `${name}: largest difference by largest value`).toBeLessThanOrEqual(TOLERANCE);
}

/** Runs `steps` steps over the rows, `batch` at a time, over and over. */
function run(
  graph: Graph,
  { columns }: Fixture,
  backend: Backend,
  memory: ReadonlyMap<string, Memory>,
  { batch, steps, rates }: { batch: number; steps: number; rates: Record<string, number> },
): RunResult {
  const executable = backend.compile(graph, memory, { maxBatch: batch });
  const stepsPerPass = Math.ceil(SPECS.rows / batch);
  let result: RunResult = new Map();
  for (let firstStep = 0; firstStep < steps; firstStep += stepsPerPass) {
    const scalars = Object.entries(rates).map(([name, rate]) => [
      name,
      new Float32Array(stepsPerPass).fill(rate),
    ]);
    result = executable.runSync({
      columns,
      rows: SPECS.rows,
      start: 0,
      count: SPECS.rows,
      batch,
      seed: 0,
      firstStep,
      scalars: new Map(scalars as [string, Float32Array][]),
    });
  }
  return result;
}

function startWeights(graph: Graph, { tensors }: Fixture, backend: Backend): Parameters {
  const parameters = new Parameters(backend, parametersOf(graph));
  parameters.initialize(0);
  for (const [name, memory] of parameters.memory) {
    const start = tensors.get(`weights/${name}`);
    if (start) memory.write(0, start);
  }
  parameters.startAverages();
  return parameters;
}

function train(fixture: Fixture, name: string, backend: Backend) {
  const settings = runOptions(name);
  const graph = trainingGraph(fixture.spec, { ...settings, weighted: fixture.weighted });
  const { memory: weights, averaged } = startWeights(graph, fixture, backend);
  const rates = Object.fromEntries(learningRates(settings.optimizers).map(({ name, base }) => [name, base]));
  run(graph, fixture, backend, weights, { batch: SPECS.batch, steps: SPECS.steps, rates });
  const once = { batch: SPECS.rows, steps: 1, rates: {} };
  const predictions = run(inferenceGraph(fixture.spec), fixture, backend, averaged, once);
  return { weights: valuesByName(weights), logits: predictions.get(LOGITS)! };
}

/**
 * The loss and its gradients over all rows. A table's gradient is found as what one step of SGD at rate 1 subtracts
 * from a table of zeros, so that the executor's own summing of duplicates is tested.
 */
function gradients(fixture: Fixture, backend: Backend): Map<string, Float32Array> {
  const differentiated = autodiff(forward(fixture), LOSS);
  const g = new GraphBuilder(differentiated.graph);
  const tables: string[] = [];
  for (const { attrs, dense, sparse } of differentiated.gradients) {
    if (dense) g.output(`grad/${attrs.name}`, dense);
    if (sparse.length === 0) continue;
    const [rate] = g.apply(OPS.scalar, [], { name: `rate/${attrs.name}` });
    const init = { kind: "constant", value: 0 } as const;
    const [zeros] = g.apply(OPS.parameter, [], {
      ...attrs,
      name: `grad/${attrs.name}`,
      init,
      trainable: false,
    });
    const pairs = sparse.flatMap(({ ids, grad }) => [ids, grad]);
    const poolings = sparse.map(({ pooling }) => pooling);
    g.apply(OPS.tableSgd, [zeros, rate, ...pairs], { poolings, l2: 0, everyRow: false });
    tables.push(attrs.name);
  }
  const graph = simplify(g.finish());
  const { memory: weights } = startWeights(graph, fixture, backend);
  const rates = Object.fromEntries(tables.map((name) => [`rate/${name}`, 1]));
  const outputs = run(graph, fixture, backend, weights, { batch: SPECS.rows, steps: 1, rates });
  const ofTables = tables.map(
    (name) =>
      [`grad/${name}`, valuesOf(weights.get(`grad/${name}`)!).map((v) => -v) as Float32Array] as const,
  );
  return new Map([...outputs, ...ofTables]);
}

function forward({ spec: { model, features }, weighted }: Fixture): Graph {
  const g = new GraphBuilder();
  const scope = Scope.root(g, "training");
  const named = new Map(features.map((feature) => [feature.name, feature]));
  const logits = modelOf(model).build(new ModelFeatures(scope, named), model, scope, 1);
  const column = (name: string) =>
    g.apply(OPS.input, [], { name, type: { dtype: "fp32", shape: ["B", 1] }, limit: 0 })[0];
  const [losses] = g.apply(OPS.sigmoidCrossEntropy, [logits, column("@label")], {});
  const [counted] = weighted ? g.apply(OPS.multiply, [losses, column("@weight")], {}) : [losses];
  g.output(LOSS, g.apply(OPS.batchMean, [counted], {})[0]);
  g.output(LOGITS, logits);
  return g.finish();
}
