import { describe, expect, it } from "vitest";
import { referenceBackend } from "../backends/reference/backend.js";
import { valuesByName } from "../backends/testing.js";
import type { Column } from "../columns/columns.js";
import type { Graph } from "../graph/graph.js";
import { printNode } from "../graph/printer.js";
import { verifyGraph } from "../graph/verifier.js";
import { modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { Parameters } from "../train/parameters.js";
import { LEARNING_RATES } from "../train/step/apply-optimizers.js";
import { clipSchema } from "../train/step/clip.js";
import { inferenceGraph, parametersOf, trainingGraph } from "../train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../train/step/optimizers.js";
import { schedule } from "./schedule.js";
import { placedParameters, shard, shardingOf } from "./shard.js";

const ROWS = 70;
const FEATURES: readonly FeatureInfo[] = [
  { kind: "number", name: "x", width: 2 },
  { kind: "id", name: "user", table: "user", rows: 50, dtype: "bf16" },
  { kind: "id", name: "item", table: "item", rows: 3 },
  { kind: "ids", name: "seen", table: "item", rows: 3, pooling: "mean" },
];
const MODEL = modelSchema.parse({
  kind: "mlp",
  features: FEATURES.map(({ name }) => name),
  embeddingDim: 4,
  mlp: { hiddenUnits: [5], norm: "batch" },
});
const training = trainingGraph(
  { model: MODEL, features: FEATURES },
  {
    optimizers: optimizerSchema.parse({ dense: { kind: "adam" }, embedding: { kind: "adagrad" } }),
    l2: l2Schema.parse({}),
    clip: clipSchema.parse({ norm: 0.05, embedding: "together" }),
    weighted: false,
  },
);
const inference = inferenceGraph({ model: MODEL, features: FEATURES });

const sharded = (graph: Graph) => verifyGraph(shard(graph, shardingOf(3)), "shard");
const countOf = (graph: Graph, kind: string) => graph.nodes.filter(({ op }) => op.kind === kind).length;

function columns(): Map<string, Column> {
  const floats = (width: number, value: (i: number) => number): Column => {
    const data = Float32Array.from({ length: ROWS * width }, (_, i) => value(i));
    return { kind: "number", data, offset: 0, stride: width, width };
  };
  const ids = (limit: number, count: number) =>
    Int32Array.from({ length: count }, (_, i) => (i * i + 3 * i) % limit);
  const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
  return new Map<string, Column>([
    ["x", floats(2, (i) => Math.sin(i))],
    ["@label", floats(1, (i) => i % 2)],
    ["user", { kind: "id", data: ids(50, ROWS), offset: 0, stride: 1 }],
    ["item", { kind: "id", data: ids(3, ROWS), offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values: ids(3, 2 * ROWS), offsets }],
  ]);
}

/** The parameters after three steps by the reference, which has one rank. */
function trained(graph: Graph) {
  const backend = referenceBackend;
  const parameters = new Parameters(backend, parametersOf(training));
  parameters.initialize(3);
  const geometry = { tileRows: 8, groups: 4 };
  backend.compile(graph, parameters.memory, { maxBatch: 32, geometry }).runSync({
    columns: columns(),
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch: 32,
    seed: 0,
    firstStep: 0,
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(3).fill(0.1)])),
  });
  return valuesByName(parameters.memory);
}

describe("shard", () => {
  it("leaves the graph of one rank as it was", () => {
    expect(shard(training, shardingOf(1))).toBe(training);
    expect(placedParameters(training, shardingOf(1))).toEqual(parametersOf(training));
  });

  it("means on one rank what the graph meant", () => {
    expect(trained(sharded(training))).toEqual(trained(training));
  });

  it("places tables and their states, and nothing else", () => {
    const placed = placedParameters(training, shardingOf(3));
    const names = placed.filter(({ placement }) => placement).map(({ name }) => name);
    expect(names.sort()).toEqual(
      ["user", "item"]
        .flatMap((table) => [`embeddings.${table}.weight`, `embeddings.${table}.weight/sum`])
        .sort(),
    );
  });

  it("has one route a table, and folds every reduction", () => {
    const graph = sharded(training);
    for (const kind of ["uniqueRows", "fetchRows", "returnRows", "gatherSlots"])
      expect(countOf(graph, kind), kind).toBe(2);
    const reductions = graph.nodes.filter(({ op }) => op.execution === "reduces");
    expect(countOf(graph, "foldAcross")).toBe(reductions.length);
    expect(graph.nodes.map(printNode).join("\n")).toContain('"owners":3');
  });

  it("returns nothing where nothing is trained", () => {
    const graph = sharded(inference);
    expect([countOf(graph, "fetchRows"), countOf(graph, "returnRows")]).toEqual([2, 0]);
    expect(schedule(graph).filter(({ kind }) => kind === "exchange")).toHaveLength(1);
  });
});
