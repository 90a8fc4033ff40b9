import { describe, expect, it } from "vitest";
import { featuresOf, WORKLOADS } from "../bench/workloads.js";
import { executionOf, producers } from "../graph/graph.js";
import type { Node } from "../graph/op.js";
import { entriesOf, isRow } from "../graph/tensor.js";
import { modelSchema } from "../models/index.js";
import { trainingGraph } from "../train/step/model-graphs.js";
import { optimizerSchema } from "../train/step/optimizers.js";
import { LOOKUPS } from "./lookups.js";
import { type Stage, schedule } from "./schedule.js";
import { shard, shardingOf } from "./shard.js";

const ROWS = 1024;
const history = { kind: "ids", table: "item", rows: 500, sequence: "history" } as const;
const DIN = {
  model: modelSchema.parse({
    kind: "mlp",
    features: ["x", "item"],
    sequences: [{ kind: "din", query: ["item"], columns: ["seen"], mlp: { hiddenUnits: [64] } }],
    embeddingDim: 16,
    mlp: { hiddenUnits: [128, 64] },
  }),
  features: [
    { kind: "number", name: "x", width: 4 },
    { kind: "id", name: "item", table: "item", rows: 500 },
    { ...history, name: "seen" },
  ] as const,
};
const MODELS = [
  ...WORKLOADS.map((workload) => [workload.name, { ...workload, features: featuresOf(workload) }] as const),
  ["din", DIN] as const,
];

function graphOf(name: string) {
  const spec = MODELS.find(([each]) => each === name)![1];
  const optimizers = optimizerSchema.parse({ dense: { kind: "adam" }, embedding: { kind: "adagrad" } });
  const l2 = { dense: 0, embedding: 0, rows: "all" } as const;
  return shard(trainingGraph(spec, { optimizers, l2, weighted: false }), shardingOf(2));
}

const kinds = ({ steps }: Stage): string[] => steps.map(({ node }) => node.op.kind);
const tiles = (stages: readonly Stage[]) => stages.filter(({ kind }) => kind === "tile");
const lastTile = (stages: readonly Stage[]) => stages.lastIndexOf(tiles(stages).at(-1)!);

describe.each(MODELS.map(([name]) => name))("segments of %s", (name) => {
  const graph = graphOf(name);
  const whole = schedule(graph);
  const divided = schedule(graph, { overlap: { rows: ROWS } });
  const made = producers(graph);
  const stageOf = new Map(divided.flatMap(({ steps }, i) => steps.map(({ node }) => [node, i] as const)));
  /** The last phase whose exchange an equation needs. */
  const exchangedIn = (node: Node): number => {
    const stage = divided[stageOf.get(node) ?? 0];
    if (stage.kind === "exchange") return stage.phase;
    if (stage.kind === "tile") return -1;
    return Math.max(-1, ...node.inputs.flatMap((input) => made.get(input) ?? []).map(exchangedIn));
  };

  it("run the same equations, each after those that it reads", () => {
    const stepsOf = (stages: readonly Stage[]) =>
      stages.flatMap(({ steps }) => steps.map(({ node }) => node));
    expect(new Set(stepsOf(divided))).toEqual(new Set(stepsOf(whole)));
    for (const [node, at] of stageOf)
      for (const input of node.inputs) expect(stageOf.get(made.get(input)!) ?? 0).toBeLessThanOrEqual(at);
  });

  it("are several, each with what it sends after it", () => {
    // Entries of sequences are read from the first tile stage to the last.
    if (name !== "din") expect(tiles(divided).length).toBeGreaterThan(tiles(whole).length);
    for (const [node, at] of stageOf) {
      if (node.op.kind !== "foldAcross") continue;
      const reduced = divided[stageOf.get(made.get(node.inputs[0])!)!];
      expect(reduced.phase).toBe(divided[at].phase);
    }
  });

  it("leave updates for the end, first those that do not wait for the last exchanges", () => {
    const updates = [...stageOf].filter(([{ op }]) => /^(adam|tableAdagrad)$/.test(op.kind));
    expect(updates.length).toBeGreaterThan(0);
    for (const [, at] of updates) expect(at).toBeGreaterThan(lastTile(divided));
    if (name === "din") return; // one segment
    const first = divided.find(({ kind }, i) => kind === "fixed" && i > lastTile(divided))!;
    expect(updates.filter(([, at]) => divided[at] === first)).not.toHaveLength(0);
    const [last, ...needs] = divided
      .filter(({ kind }, i) => kind === "fixed" && i > lastTile(divided))
      .map(({ steps }) => Math.max(...steps.map(({ node }) => exchangedIn(node))))
      .reverse();
    expect(last).toBe(divided[lastTile(divided)].phase);
    expect(needs.at(-1)).toBeLessThan(last - 1);
    expect([last, ...needs]).toEqual([last, ...needs].sort((a, b) => b - a));
    expect(new Set(needs)).toContain(last - 1);
  });

  it("keep entries of sequences with their rows", () => {
    const entries = graph.nodes.flatMap(({ outputs }) =>
      outputs.filter((output) => isRow(output) && entriesOf(output)),
    );
    const isLate = (stage: number) => divided[stage].kind !== "tile";
    for (const tensor of entries) {
      const readers = graph.nodes.filter(
        (node) => node.inputs.includes(tensor) && executionOf(node) !== "exchange",
      );
      const phases = [made.get(tensor)!, ...readers].flatMap((node) => {
        const at = stageOf.get(node);
        return at === undefined || isLate(at) || executionOf(node) === "source" ? [] : [divided[at].phase];
      });
      expect(new Set(phases).size).toBeLessThanOrEqual(1);
    }
  });
});

it("compute what needs no rows of tables while these are sent", () => {
  const stages = schedule(graphOf("dlrm-kaggle"), { overlap: { rows: ROWS } });
  const rows = stages.findIndex((stage) => kinds(stage).includes("fetchRows"));
  expect(kinds(stages[rows + 1]).filter((kind) => kind === "linear")).toHaveLength(4);
  expect(stages[rows + 1].steps.some(({ node }) => LOOKUPS.has(node.op))).toBe(false);
});

it("update tables while a gradient that takes long to compute travels", () => {
  const stages = schedule(graphOf("xdeepfm-criteo"), { overlap: { rows: ROWS } });
  const rows = stages.findIndex((stage) => kinds(stage).includes("returnRows"));
  expect(kinds(stages[lastTile(stages)])).toEqual(["compressedInteractionGradWeight"]);
  expect(rows).toBeLessThan(lastTile(stages));
});
