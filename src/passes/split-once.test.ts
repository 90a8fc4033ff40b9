import { expect, it } from "vitest";
import type { Graph } from "../graph/graph.js";
import { modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { inferenceGraph, LOGITS } from "../train/step/model-graphs.js";
import { splitOnce } from "./split-once.js";

const FEATURES: readonly FeatureInfo[] = [
  { kind: "id", name: "user", table: "user", rows: 9 },
  { kind: "id", name: "item", table: "item", rows: 9 },
  { kind: "number", name: "age", width: 1 },
  { kind: "number", name: "price", width: 1 },
];
const graphOf = (dense: string[]) =>
  inferenceGraph({
    model: modelSchema.parse({
      kind: "dlrm",
      embeddingDim: 4,
      dense: { features: dense, mlp: { hiddenUnits: [8, 4] } },
      sparse: { features: ["user", "item"] },
      final: { hiddenUnits: [5] },
    }),
    features: FEATURES,
  });
const kinds = ({ nodes }: Graph) => nodes.map(({ op }) => op.kind);
const named = ({ nodes }: Graph, binds: string) =>
  nodes.filter(({ op }) => op.binds === binds).map(({ attrs }) => (attrs as { name: string }).name);

it("computes once what depends on the user alone, and the rest for each item", () => {
  const { once, each } = splitOnce(graphOf(["age"]), (name) => name === "user" || name === "age");
  expect(named(once, "input").sort()).toEqual(["age", "user"]);
  expect(kinds(once).filter((kind) => kind === "embedding")).toHaveLength(1);
  expect(kinds(once).filter((kind) => kind.startsWith("linear"))).toHaveLength(2);
  expect(named(each, "input").filter((name) => !name.startsWith("@once/"))).toEqual(["item"]);
  expect(new Set(named(each, "input"))).toEqual(new Set(["item", ...once.outputs.keys()]));
  expect(named(each, "parameter").filter((name) => /user|dense/.test(name))).toEqual([]);
});

it("computes for each item what depends on both", () => {
  const { once, each } = splitOnce(graphOf(["age", "price"]), (name) => name === "user" || name === "age");
  expect(named(once, "parameter").filter((name) => /dense|item/.test(name))).toEqual([]);
  expect(named(each, "input")).toEqual(expect.arrayContaining(["item", "price"]));
});

it("leaves a graph whole that has no such inputs, or no others", () => {
  const graph = graphOf(["age"]);
  const none = splitOnce(graph, () => false);
  expect([none.once.nodes, none.each.nodes]).toEqual([[], graph.nodes]);
  const all = splitOnce(graph, () => true);
  expect([...all.each.outputs.keys()]).toEqual([LOGITS]);
});
