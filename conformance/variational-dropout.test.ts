import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Backend } from "../src/backends/backend.js";
import { memoryOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { fp32, type Tensor } from "../src/graph/tensor.js";
import { type Mode, Scope } from "../src/layers/scope.js";
import { variationalDropout } from "../src/layers/variational-dropout.js";
import { OPS } from "../src/ops/index.js";
import { autodiff } from "../src/passes/autodiff.js";
import { simplify } from "../src/passes/compile.js";
import { BACKENDS } from "./backends.js";

/* Learned dropout of features has PyTorch's values and gradients with the same draws (make_dropout_fixtures.py). */

interface Fixture {
  readonly seed: number;
  readonly step: number;
  readonly stream: number;
  readonly dims: readonly number[];
  readonly regularization: number;
  /** Features side by side, [rows, sum of dims], as the results are. */
  readonly x: readonly (readonly number[])[];
  readonly logits: readonly number[];
  /** The loss is the mean over the rows of the sum of the results times these, plus the regularizer. */
  readonly weights: readonly (readonly number[])[];
  readonly training: readonly (readonly number[])[];
  readonly inference: readonly (readonly number[])[];
  readonly loss: number;
  readonly gradients: { readonly x: readonly (readonly number[])[]; readonly logits: readonly number[] };
}

const fixture: Fixture = JSON.parse(
  readFileSync(new URL("fixtures/variational_dropout.json", import.meta.url), "utf8"),
);
const rows = fixture.x.length;
const width = fixture.x[0].length;

/** The rows of a table are the features, so that their gradients are known too. */
function graphOf(mode: Mode) {
  const builder = new GraphBuilder();
  const { apply } = builder;
  const init = { kind: "constant", value: 0 } as const;
  const attrs = { name: "x", shape: [rows, width], role: "table", init, trainable: true } as const;
  const [row] = apply(OPS.input, [], { name: "row", type: { dtype: "id", shape: ["B"] }, limit: rows });
  const [x] = apply(OPS.embedding, [apply(OPS.parameter, [], attrs)[0], row], {});
  let start = 0;
  const features = fixture.dims.map((size): Tensor => {
    start += size;
    return apply(OPS.slice, [x], { start: start - size, size })[0];
  });
  const scope = Scope.root(builder, mode).child("group");
  const [y] = apply(OPS.concat, variationalDropout(scope, features, fixture), {});
  builder.output("y", y);
  const [weights] = apply(OPS.input, [], { name: "weights", type: fp32("B", width), limit: 0 });
  const [weighted] = apply(OPS.sumColumns, [apply(OPS.multiply, [y, weights], {})[0]], {});
  const [losses] =
    scope.penalties.length === 0 ? [weighted] : apply(OPS.add, [weighted, ...scope.penalties], {});
  builder.output("loss", apply(OPS.batchMean, [losses], {})[0]);
  const { graph, gradients } = autodiff(builder.finish(), "loss");
  const extended = new GraphBuilder(graph);
  extended.output("x", gradients.find(({ sparse }) => sparse.length > 0)!.sparse[0].grad);
  extended.output("logits", gradients.find(({ dense }) => dense !== undefined)!.dense!);
  return simplify(extended.finish());
}

function evaluated(mode: Mode, backend: Backend): Map<string, readonly number[]> {
  const parameters = new Map([
    ["x", memoryOf(backend, Float32Array.from(fixture.x.flat()))],
    ["group.logits", memoryOf(backend, Float32Array.from(fixture.logits))],
  ]);
  const weights = Float32Array.from(fixture.weights.flat());
  const columns = new Map<string, Column>([
    ["row", { kind: "id", data: Int32Array.from({ length: rows }, (_, i) => i), offset: 0, stride: 1 }],
    ["weights", { kind: "number", data: weights, offset: 0, stride: width, width }],
  ]);
  const { seed, step } = fixture;
  const request = { columns, rows, start: 0, count: rows, batch: rows, seed, firstStep: step };
  const executable = backend.compile(graphOf(mode), parameters, { maxBatch: rows, threads: 1 });
  const result = executable.runSync({ ...request, scalars: new Map() });
  return new Map([...result].map(([name, values]) => [name, [...values]]));
}

function expectNear(values: readonly number[] | undefined, expected: readonly number[]): void {
  expect(values).toHaveLength(expected.length);
  values?.forEach((value, i) => void expect(value).toBeCloseTo(expected[i], 5));
}

describe.each(BACKENDS)("$name has PyTorch's", ({ use }) => {
  it("values, loss and gradients in training", () => {
    const results = evaluated("training", use());
    expectNear(results.get("y"), fixture.training.flat());
    expectNear(results.get("loss"), [fixture.loss]);
    expectNear(results.get("x"), fixture.gradients.x.flat());
    expectNear(results.get("logits"), fixture.gradients.logits);
  });

  it("values in inference", () => {
    expectNear(evaluated("inference", use()).get("y"), fixture.inference.flat());
  });
});
