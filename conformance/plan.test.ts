import { describe, expect, it } from "vitest";
import { nativeBackend } from "../src/backends/native/backend.js";
import type { Column } from "../src/columns/columns.js";
import { byColumns, copied, type Placement, SLOTS, slotsOf } from "../src/graph/placement.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { loadAddon } from "../src/native/addon.js";
import { type Demand, demandOf } from "../src/plan/demand.js";
import { placementsOf } from "../src/plan/plan-file.js";
import { Planner } from "../src/plan/planner.js";
import { groupsOf } from "../src/plan/ranks.js";
import { bytesSent, roundsOf, type TrafficOf } from "../src/plan/wire.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { type Clip, clipSchema } from "../src/train/step/clip.js";
import { factsOf, lossSchema } from "../src/train/step/loss/index.js";
import { inferenceGraph, LOSS, trainingGraph } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
import { type RankedRun, trainRanked } from "./ranks.js";
import { CLIPS, EMBEDDING, sampleColumns } from "./training-cases.js";

/* What plans say of a step, against what ranks do. */

const { addon } = loadAddon();
const ROWS = 1024;
const BATCH = 256;
const STEPS = ROWS / BATCH;
const [USERS, ITEMS] = [3000, 7];
const COLUMNS = sampleColumns({ rows: ROWS, users: USERS, items: ITEMS, labelOf: Math.round });

const FEATURES: readonly FeatureInfo[] = [
  { kind: "number", name: "numbers", width: 3 },
  { kind: "id", name: "user", table: "user", rows: USERS, dtype: "bf16" },
  { kind: "id", name: "item", table: "item", rows: ITEMS },
  { kind: "ids", name: "seen", table: "item", rows: ITEMS, pooling: "mean" },
  { kind: "ids", name: "liked", table: "item", rows: ITEMS, pooling: "sum" },
];
const [USER, ITEM] = ["embeddings.user.weight", "embeddings.item.weight"];

const MLP = {
  kind: "mlp",
  features: FEATURES.map(({ name }) => name),
  embeddingDim: 6, // in parts of 4 and 2
  mlp: { hiddenUnits: [19, 8] },
};
interface Case {
  readonly model: object;
  readonly clip?: Clip;
  readonly loss?: object;
  readonly embedding?: object;
  readonly l2?: object;
}
const CASES: Readonly<Record<string, Case>> = {
  "an MLP": { model: MLP },
  "batch norm and a clip": {
    model: { ...MLP, mlp: { ...MLP.mlp, norm: "batch" } },
    clip: clipSchema.parse(CLIPS[1]),
  },
  "a loss of sessions": { model: MLP, loss: { kind: "jrc", session: "user" } },
};

function graphsOf({ model, clip, loss, embedding, l2 }: Case) {
  const parsed = loss && lossSchema.parse(loss);
  const head = parsed && factsOf(parsed).head;
  const spec = { model: modelSchema.parse(model), features: FEATURES, outputs: head?.outputs, head };
  const settings = {
    optimizers: optimizerSchema.parse({ embedding: embedding ?? { kind: "adagrad" } }),
    l2: l2Schema.parse(l2 ?? {}),
    weighted: false,
  };
  const training = trainingGraph(spec, { ...settings, clip, loss: parsed });
  return { training, inference: inferenceGraph(spec) };
}

type Graphs = ReturnType<typeof graphsOf>;

const demandFor = (graphs: Graphs, ranks: number) => demandOf({ ...graphs, batch: BATCH, ranks, groups: 8 });

function runOf({ training }: Graphs, ranks: number, placements?: ReadonlyMap<string, Placement>): RankedRun {
  const { geometry } = demandFor({ training, inference: training }, ranks);
  const scalars = new Map(
    Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(STEPS).fill(0.05)]),
  );
  const request = { columns: COLUMNS, rows: ROWS, start: 0, count: ROWS, batch: BATCH, outputs: [LOSS] };
  const requests = [{ ...request, seed: 5, firstStep: 0, scalars }];
  return { graph: training, ranks, maxBatch: BATCH, geometry, placements, requests };
}

const train = (...of: Parameters<typeof runOf>) => trainRanked(addon!, nativeBackend(addon!), runOf(...of));

/** Different rows that each rank asks of each other one in a step, by the column data alone. */
function askedIn(demand: Demand, step: number, placements: ReadonlyMap<string, Placement>): TrafficOf {
  const groups = groupsOf(BATCH, demand.geometry, demand.ranks);
  const idsOf = (
    names: readonly string[],
    [begin, end]: readonly [number, number],
    slots: readonly number[],
  ) => {
    const ids = new Set<number>();
    for (const name of names) {
      for (let row = step * BATCH + begin; row < step * BATCH + end; row++) {
        const found = valuesAt(COLUMNS.get(name)!, row);
        for (const id of found) if (id % SLOTS >= slots[0] && id % SLOTS < slots[1]) ids.add(id);
      }
    }
    return ids.size;
  };
  const all = Array.from({ length: demand.ranks }, (_, rank) => rank);
  return (table) => {
    const { columns } = demand.tables.find(({ name }) => name === table)!;
    const names = columns.map(({ name }) => name);
    const placement = placements.get(table)!;
    const sumOver = (ranks: readonly number[], of: (rank: number) => number) =>
      ranks.reduce((sum, rank) => sum + of(rank), 0);
    const others = (rank: number) => all.filter((each) => each !== rank);
    const asked = (asker: number, owner: number) =>
      idsOf(names, groups[asker].rows, slotsOf(placement, owner));
    const returned = (asker: number, owner: number) =>
      groups[asker].nodes.reduce((sum, rows) => sum + idsOf(names, rows, slotsOf(placement, owner)), 0);
    return {
      placement,
      asks: (rank) => sumOver(others(rank), (owner) => asked(rank, owner)),
      returns: (rank, numbersOf) =>
        sumOver(others(rank), (owner) => numbersOf(owner) * returned(rank, owner)),
      answers: (rank) => sumOver(others(rank), (asker) => asked(asker, rank)),
      updates: (rank) => idsOf(names, [0, BATCH], slotsOf(placement, rank)),
    };
  };
}

function valuesAt(column: Column, row: number): number[] {
  if (column.kind === "id") return [Number(column.data[row])];
  if (column.kind === "number") return [];
  return [...column.values.subarray(Number(column.offsets[row]), Number(column.offsets[row + 1]))].map(
    Number,
  );
}

const unequalStarts = (shares: number) =>
  Array.from({ length: shares }, (_, share) => Math.floor(SLOTS * (share / shares) ** 2));

/** Where the two tables are. */
function placementsOn(ranks: number): Record<string, [string, Placement][]> {
  const item = { firstRank: ranks - 1, owners: 1 };
  return {
    "one by rows": [
      [USER, { firstRank: 0, owners: ranks }],
      [ITEM, item],
    ],
    "one in unequal shares": [
      [USER, { firstRank: 0, owners: ranks, turn: 1, starts: unequalStarts(ranks) }],
      [ITEM, { ...copied(ITEM, ranks), starts: unequalStarts(ranks) }],
    ],
    "one copied": [
      [USER, copied(USER, ranks)],
      [ITEM, item],
    ],
    ...(ranks % 2 === 0 && {
      "in a grid, and by columns": [
        [USER, byColumns(USER, ranks, 2)],
        [ITEM, { firstRank: ranks - 2, owners: 1, columns: 2 }],
      ],
    }),
    "both copied": [
      [USER, copied(USER, ranks)],
      [ITEM, copied(ITEM, ranks)],
    ],
  };
}

/** Trains, and counts what each rank has sent. */
async function expectSent(each: Case, ranks: number, placed: readonly (readonly [string, Placement])[]) {
  const graphs = graphsOf(each);
  const demand = demandFor(graphs, ranks);
  const placements = new Map(placed);
  const program = demand.trainingAt(placements);
  const { traffic } = await train(graphs, ranks, placements);
  for (let rank = 0; rank < ranks; rank++) {
    const said = new Map<string, number>();
    for (let step = 0; step < STEPS; step++)
      for (const [name, bytes] of bytesSent(
        roundsOf(program, ranks, askedIn(demand, step, placements)),
        rank,
      ))
        said.set(name, (said.get(name) ?? 0) + bytes);
    expect(new Map(traffic[rank].map(({ name, bytes }) => [name, bytes]))).toEqual(said);
  }
}

describe.skipIf(!addon)("a plan", () => {
  it.each(
    Object.entries(CASES).flatMap(([name, each]) =>
      [2, 3, 8].flatMap((ranks) =>
        Object.entries(placementsOn(ranks)).map(
          ([where, placements]) => [name, ranks, where, each, placements] as const,
        ),
      ),
    ),
  )("says what ranks send, byte by byte: %s, %i ranks, %s", (_, ranks, __, each, placed) =>
    expectSent(each, ranks, placed),
  );

  it.each(
    EMBEDDING.flatMap((embedding) =>
      [undefined, { embedding: 0.01, rows: "touched" }].map((l2) => ({ embedding, l2 })),
    ),
  )("says what ranks tell each other of whole rows: %j", (optimizer) => {
    const placed = placementsOn(4)["in a grid, and by columns"];
    return expectSent({ model: { ...MLP, embeddingDim: 5 }, ...optimizer }, 4, placed);
  });

  it.each(
    [2, 3, 8].flatMap((ranks) =>
      [{}, { user: "rowWise", item: "rowWise" } as const].map((each) => [ranks, each] as const),
    ),
  )("with ids counted in the steps says what each of %i ranks sends: %j", async (ranks, constraints) => {
    const graphs = graphsOf(CASES["an MLP"]);
    const data = { rows: ROWS, columns: COLUMNS };
    const options = { ...graphs, batch: BATCH, groups: 8, data };
    const best = new Planner({ ...options, constraints: new Map(Object.entries(constraints)) }).plan(ranks);
    const placements = placementsOf(best);
    const areShared = [...placements.values()].some(({ starts }) => starts);
    if ("user" in constraints) expect(areShared).toBe(true);
    const { traffic } = await train(graphs, ranks, placements);
    best.model.sent(placements).forEach((sent, rank) => {
      const said = [...sent].map(([name, bytes]) => [name, Math.round(STEPS * bytes)]);
      expect(traffic[rank].map(({ name, bytes }) => [name, bytes])).toEqual(said);
    });
  });
});
