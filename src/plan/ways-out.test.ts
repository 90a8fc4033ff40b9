import { expect, it } from "vitest";
import { modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { inferenceGraph, trainingGraph } from "../train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../train/step/optimizers.js";
import { total } from "./cost.js";
import { Planner } from "./planner.js";
import type { Constraint } from "./rank-plan.js";
import { waysOut } from "./ways-out.js";

const RANKS = 4;
const MEMORY = 1.2e9;

/** Of a table that does not fit: 64 bytes and as many of states in each of 40 million rows. */
function plannerOf(kind: string, constraint?: Constraint): Planner {
  const features: FeatureInfo[] = [{ kind: "id", name: "user", table: "user", rows: 40_000_000 }];
  const model = { kind: "mlp", embeddingDim: 16, features: ["user"], mlp: { hiddenUnits: [16] } };
  const spec = { model: modelSchema.parse(model), features };
  const optimizers = optimizerSchema.parse({ embedding: { kind } });
  const training = trainingGraph(spec, { optimizers, l2: l2Schema.parse({}), weighted: false });
  const constraints = new Map(constraint === undefined ? [] : [["user", constraint] as const]);
  return new Planner({ training, inference: inferenceGraph(spec), batch: 2048, memory: MEMORY, constraints });
}

const waysOf = (planner: Planner) => waysOut(planner, planner.plan(RANKS));

it.each<[Constraint | undefined, number]>([
  // Each has 1.08 GB, of which 0.13 are for the process: six ranks have 5.12 GB of tables.
  [undefined, 6],
  ["grid", 6],
  [{ columns: 4 }, 8],
])("names more ranks that divide rows as the config says: %j", (constraint, ranks) => {
  const ways = waysOf(plannerOf("adagrad", constraint));
  expect(ways.map(({ change }) => change)).toContain(`${ranks} ranks in place of ${RANKS}`);
});

it("names no number of ranks where there is none that divides rows as the config says", () => {
  const ways = waysOf(plannerOf("adagrad", "columnWise"));
  expect(ways.filter(({ change }) => change.includes("ranks in place"))).toEqual([]);
  expect(ways.length).toBeGreaterThan(0);
});

it.each<Constraint | undefined>([undefined, "columnWise", { columns: 2 }])(
  "takes as long with one state a row as a config that has it, with %j",
  (constraint) => {
    const way = waysOf(plannerOf("adagrad", constraint)).find(({ change }) =>
      change.includes("rowWiseAdagrad"),
    )!;
    const { seconds, ranks } = plannerOf("rowWiseAdagrad", constraint).plan(RANKS);
    expect(way.seconds).toBeCloseTo(seconds, 9);
    expect(way.bytes / Math.max(...ranks.map((rank) => total(rank.bytes)))).toBeCloseTo(1, 3);
    // 64 bytes of weights in a row; a state of four is on each rank that has some of its columns.
    const columns = constraint === "columnWise" ? 4 : constraint === undefined ? 1 : 2;
    const [{ bytes }] = ranks;
    expect(bytes.tables + bytes.states).toBeCloseTo((40_000_000 * (64 + 4 * columns)) / RANKS, -7);
  },
);
