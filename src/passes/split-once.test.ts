import { expect, it } from "vitest";
import type { Graph } from "../graph/graph.js";
import { KEYS } from "../graph/translation.js";
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
  const { once, each, sums } = splitOnce(graphOf(["age"]), (name) => name === "user" || name === "age");
  expect(named(once, "input").sort()).toEqual(["age", "user"]);
  expect(kinds(once).filter((kind) => kind === "embedding")).toHaveLength(1);
  // The two layers of the dense MLP, and the first of the final one over what is the user's.
  expect(kinds(once).filter((kind) => kind.startsWith("linear"))).toHaveLength(3);
  expect(named(each, "input").filter((name) => !name.startsWith("@once/"))).toEqual(["item"]);
  const taken = [...named(each, "input"), ...sums.map(({ name }) => name)];
  expect(new Set(taken)).toEqual(new Set(["item", ...once.outputs.keys()]));
  expect(named(each, "parameter").filter((name) => /user|dense/.test(name))).toEqual([]);
});

it("divides a linear layer over columns of both: pairs of fields of the user are the user's", () => {
  const { once, each, weights, sums } = splitOnce(
    graphOf(["age"]),
    (name) => name === "user" || name === "age",
  );
  // The columns of the final MLP: (dense, user), (dense, item), (user, item), the dense field, user, item; four numbers a field.
  const [first, second] = weights.map(({ from, columns }) => [from, columns]);
  const field = (start: number) => [0, 1, 2, 3].map((i) => start + i);
  expect(first).toEqual(["final_mlp.0.weight", [0, ...field(3), ...field(7)]]);
  expect(second).toEqual(["final_mlp.0.weight", [1, 2, ...field(11)]]);
  expect(sums.map(({ shape }) => shape)).toEqual([[5]]);
  expect(kinds(once)).toContain("dotInteraction");
  expect(kinds(each)).not.toContain("dotInteraction");
});

it("computes for each item what depends on both", () => {
  const { once, each, weights } = splitOnce(
    graphOf(["age", "price"]),
    (name) => name === "user" || name === "age",
  );
  expect(named(once, "parameter").filter((name) => /item|dense_mlp.1/.test(name))).toEqual([]);
  expect(named(each, "input")).toEqual(expect.arrayContaining(["item", "price"]));
  expect(weights.map(({ from, columns }) => [from, columns]).slice(0, 2)).toEqual([
    ["dense_mlp.0.weight", [0]],
    ["dense_mlp.0.weight", [1]],
  ]);
});

it("leaves a graph whole that has no such inputs, or no others", () => {
  const graph = graphOf(["age"]);
  const none = splitOnce(graph, () => false);
  expect([none.once.nodes, none.each.nodes]).toEqual([[], graph.nodes]);
  const all = splitOnce(graph, () => true);
  expect([...all.each.outputs.keys()]).toEqual([LOGITS]);
});

it("looks up the history of a user once, also where items share its dynamic table", () => {
  const translation = { ids: KEYS } as const;
  const spec = {
    model: modelSchema.parse({
      kind: "mlp",
      embeddingDim: 4,
      features: ["item"],
      sequences: [{ kind: "din", query: ["item"], columns: ["clicked", "shops"], mlp: { hiddenUnits: [3] } }],
      mlp: { hiddenUnits: [3] },
    }),
    features: [
      { kind: "id", name: "item", table: "item", rows: 9, translation },
      {
        kind: "ids",
        name: "clicked",
        table: "item",
        rows: 9,
        pooling: "sum",
        sequence: "clicks",
        translation,
      },
      { kind: "ids", name: "shops", table: "shop", rows: 5, pooling: "sum", sequence: "clicks" },
    ] as const,
  };
  const { each, entries } = splitOnce(inferenceGraph(spec), (name) => name !== "item", 100);
  // What entries are, and, for their differences to the item, the negative.
  expect(entries.map(({ tables }) => tables.map(({ shape }) => shape))).toEqual([
    [
      [100, 8],
      [100, 8],
    ],
  ]);
  const [{ graph, positions }] = entries;
  expect(named(graph, "input").sort()).toEqual(["clicked", "shops"]);
  expect(kinds(graph).sort()).toEqual(
    [
      "concat",
      "embedding",
      "embedding",
      "input",
      "input",
      "parameter",
      "parameter",
      "scale",
      "translate",
    ].sort(),
  );
  // The rest looks up the item, and for the entries lines by position.
  expect(
    named(each, "input")
      .filter((name) => name !== "@once/0")
      .sort(),
  ).toEqual([positions, "clicked", "item"].sort());
  expect(
    kinds(each)
      .filter((kind) => /^embed|translate/.test(kind))
      .sort(),
  ).toEqual(["embedEntries", "embedEntries", "embedding", "translate"]);
  expect(named(each, "parameter").filter((name) => /^embeddings/.test(name))).toEqual([
    "embeddings.item.weight",
  ]);
});
