import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import type { Backend } from "../src/backends/backend.js";
import { memoryOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import { GraphBuilder } from "../src/graph/graph.js";
import { fp32, type Tensor } from "../src/graph/tensor.js";
import { OPS } from "../src/ops/index.js";
import { autodiff } from "../src/passes/autodiff.js";
import { simplify } from "../src/passes/compile.js";
import { type Loss, lossOf, lossSchema } from "../src/train/step/loss/index.js";
import { BACKENDS } from "./backends.js";

/* Losses over several logits, of one label and of several, and their gradients by these, as PyTorch has them (make_loss_fixtures.py). */

interface LossCase {
  readonly loss: unknown;
  /** [rows, outputs] */
  readonly logits: readonly (readonly number[])[];
  /** One a row, or of several labels [rows, outputs]. */
  readonly labels: readonly (number | readonly number[])[];
  readonly labelWeights?: readonly number[];
  readonly weights: readonly number[];
  /** Ids, where the loss is over sessions. */
  readonly sessions?: readonly number[];
  /** Of each row. */
  readonly losses: readonly number[];
  /** Of the weighted mean loss, by the logits. */
  readonly gradient: readonly (readonly number[])[];
}

const CASES: readonly LossCase[] = JSON.parse(
  readFileSync(new URL("fixtures/losses.json", import.meta.url), "utf8"),
);

const numbers = (rows: LossCase["labels"]): Column => {
  const width = rows.flat().length / rows.length;
  return { kind: "number", data: Float32Array.from(rows.flat()), offset: 0, stride: width, width };
};

/** The logits are the rows of a table, so that a parameter reaches the loss through them. */
function lossGraph(loss: Loss, { logits: { length: rows, 0: first }, labels, labelWeights }: LossCase) {
  const builder = new GraphBuilder();
  const { apply } = builder;
  const init = { kind: "constant", value: 0 } as const;
  const [table] = apply(OPS.parameter, [], {
    name: "logits",
    shape: [rows, first.length],
    role: "table",
    init,
    trainable: true,
  });
  const column = (name: string, width: number): Tensor =>
    apply(OPS.input, [], { name, type: fp32("B", width), limit: 0 })[0];
  const [row] = apply(OPS.input, [], { name: "row", type: { dtype: "id", shape: ["B"] }, limit: rows });
  const [logits] = apply(OPS.embedding, [table, row], {});
  const several = column("label", labels.flat().length / rows);
  const [sessions] = apply(OPS.input, [], {
    name: "session",
    type: { dtype: "id", shape: ["B"] },
    limit: rows,
  });
  const losses = lossOf(builder, loss, { logits, labels: several, sessions, labelWeights });
  builder.output("losses", losses);
  const [weighted] = apply(OPS.multiply, [losses, column("weight", 1)], {});
  builder.output("loss", apply(OPS.batchMean, [weighted], {})[0]);
  const { graph, gradients } = autodiff(builder.finish(), "loss");
  const extended = new GraphBuilder(graph);
  extended.output("gradient", gradients[0].sparse[0].grad);
  return simplify(extended.finish());
}

function evaluated(example: LossCase, backend: Backend) {
  const { loss, logits, labels, weights, sessions = [] } = example;
  const rows = logits.length;
  const table = memoryOf(backend, Float32Array.from(logits.flat()));
  const graph = lossGraph(lossSchema.parse(loss), example);
  const executable = backend.compile(graph, new Map([["logits", table]]), { maxBatch: rows, threads: 1 });
  const ids = Int32Array.from({ length: rows }, (_, i) => i);
  const columns = new Map<string, Column>([
    ["label", numbers(labels)],
    ["weight", numbers(weights)],
    ["row", { kind: "id", data: ids, offset: 0, stride: 1 }],
    ["session", { kind: "id", data: Int32Array.from(sessions), offset: 0, stride: 1 }],
  ]);
  const request = { columns, rows, start: 0, count: rows, batch: rows, seed: 0, firstStep: 0 };
  return executable.runSync({ ...request, scalars: new Map() });
}

describe.each(BACKENDS)("$name has PyTorch's", ({ use }) => {
  it.each(CASES)("$loss", (example) => {
    const result = evaluated(example, use());
    result.get("losses")!.forEach((loss, i) => {
      expect(loss).toBeCloseTo(example.losses[i], 5);
    });
    const gradient = example.gradient.flat();
    result.get("gradient")!.forEach((value, i) => {
      expect(value).toBeCloseTo(gradient[i], 7);
    });
  });
});
