import { describe, expect, it } from "vitest";
import type { RunRequest } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import { groupStarts } from "../src/graph/accumulation.js";
import type { Graph } from "../src/graph/graph.js";
import { type Placement, SLOTS } from "../src/graph/placement.js";
import { type TableDtype, width } from "../src/graph/tensor.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { loadAddon } from "../src/native/addon.js";
import { shard, shardingOf } from "../src/passes/shard.js";
import { drawKey, drawUnit } from "../src/random.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { clipSchema } from "../src/train/step/clip.js";
import { factsOf, lossSchema } from "../src/train/step/loss/index.js";
import { trainingGraph } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
import { hashesOf, type RankedRun, RanksFailed, trainRanked } from "./ranks.js";
import { CLIPS, DTYPES, EMBEDDING, sampleColumns } from "./training-cases.js";

/*
 * Ranks that share a step train to the bits of one process, whatever their number. Here the ranks are threads of this
 * process. `RANKED=200 npx vitest run conformance/ranks.test.ts` tries that many random models on up to 16 ranks.
 */

const { addon } = loadAddon();
const RANDOM = Number(process.env.RANKED ?? 4);
const ROWS = 700;
const USERS = 3000;
const ITEMS = 7;

/** How the rows of a step are divided: the last step of an epoch has fewer rows, and fewer groups than some have ranks. */
interface Cut {
  readonly batch: number;
  readonly groups: number;
}
const CUT: Cut = { batch: 300, groups: 8 };

interface Choices {
  readonly model?: object;
  readonly dtype?: TableDtype;
  readonly clip?: object;
  readonly dense?: object;
  readonly embedding?: object;
  readonly loss?: object;
}

const featuresOf = (dtype: TableDtype): readonly FeatureInfo[] => [
  { kind: "number", name: "numbers", width: 3 },
  { kind: "id", name: "user", table: "user", rows: USERS, dtype },
  { kind: "id", name: "item", table: "item", rows: ITEMS },
  { kind: "ids", name: "seen", table: "item", rows: ITEMS, pooling: "mean" },
  { kind: "ids", name: "liked", table: "item", rows: ITEMS, pooling: "sum" },
];
const NAMES = featuresOf("fp32").map(({ name }) => name);
const SPARSE = NAMES.slice(1);

const MODELS = {
  mlp: { kind: "mlp", features: NAMES, embeddingDim: 4, mlp: { hiddenUnits: [19, 8] } },
  normalized: {
    kind: "mlp",
    features: NAMES,
    embeddingDim: 4,
    mlp: { hiddenUnits: [19, 8], norm: "batch", dropout: 0.3, bias: false },
  },
  dlrm: {
    kind: "dlrm",
    dense: { features: ["numbers"], mlp: { hiddenUnits: [8, 4] } },
    sparse: { features: SPARSE },
    embeddingDim: 4,
    final: { hiddenUnits: [16] },
  },
  xdeepfm: {
    kind: "xdeepfm",
    wide: { features: SPARSE },
    deep: { features: NAMES, mlp: { hiddenUnits: [8] } },
    embeddingDim: 4,
    cin: { layers: [6, 5] },
    linear: true,
    fm: true,
  },
};

function graphOf(choices: Choices): Graph {
  const { model = MODELS.mlp, dtype = "fp32", clip, dense, embedding, loss } = choices;
  const parsed = loss && lossSchema.parse(loss);
  const head = parsed && factsOf(parsed).head;
  return trainingGraph(
    { model: modelSchema.parse(model), features: featuresOf(dtype), outputs: head?.outputs, head },
    {
      optimizers: optimizerSchema.parse({
        dense: dense ?? { kind: "adam" },
        embedding: embedding ?? { kind: "adagrad" },
      }),
      l2: l2Schema.parse({}),
      clip: clip && clipSchema.parse(clip),
      loss: parsed,
      weighted: false,
    },
  );
}

const COLUMNS = sampleColumns({ rows: ROWS, users: USERS, items: ITEMS, labelOf: Math.round });

/** Two shuffled epochs. */
function requestsOf({ batch }: Cut, columns = COLUMNS): RunRequest[] {
  const steps = Math.ceil(ROWS / batch);
  return [0, 1].map((epoch) => ({
    columns,
    rows: ROWS,
    start: 0,
    count: ROWS,
    batch,
    shuffle: { seed: 3, epoch },
    seed: 5,
    firstStep: epoch * steps,
    scalars: new Map(Object.values(LEARNING_RATES).map((name) => [name, new Float32Array(steps).fill(0.05)])),
  }));
}

const train = (graph: Graph, ranks: number, more: Partial<RankedRun> = {}, cut: Cut = CUT) =>
  trainRanked(addon!, nativeBackend(addon!), {
    graph,
    ranks,
    maxBatch: cut.batch,
    geometry: { tileRows: 32, groups: cut.groups },
    requests: requestsOf(cut),
    ...more,
  });

/** Trains on these numbers of ranks, and expects the bits of one process. */
async function expectSameBits(
  graph: Graph,
  ranks: readonly number[],
  more: Partial<RankedRun> = {},
  cut = CUT,
) {
  const alone = hashesOf(await train(graph, 1, { threads: 2 }, cut));
  for (const count of ranks)
    expect(hashesOf(await train(graph, count, more, cut)), `${count} ranks`).toEqual(alone);
}

/** A model, how it is trained, and by how many ranks. */
function randomCase(seed: number) {
  const key = drawKey(seed, 1, 0);
  let draws = 0;
  const below = (n: number): number => Math.floor(n * drawUnit(key, draws++));
  const pick = <T>(items: readonly T[]): T => items[below(items.length)];
  const ranks = 1 + below(16);
  const placementOf = (): Placement => {
    const firstRank = below(ranks);
    return { firstRank, owners: 1 + below(ranks - firstRank) };
  };
  const choices: Choices = {
    model: pick(Object.values(MODELS)),
    dtype: pick(DTYPES),
    clip: pick(CLIPS),
    dense: { kind: pick(["sgd", "adagrad", "adam", "adamw"]) },
    embedding: pick(EMBEDDING),
    loss: pick([undefined, undefined, { kind: "jrc", session: "user" }]),
  };
  const placements = new Map(
    ["embeddings.user.weight", "embeddings.item.weight"].map((name) => [name, placementOf()]),
  );
  const cut: Cut = { batch: 33 + below(600), groups: 1 + below(20) };
  return { choices, ranks, threads: 1 + below(2), cut, placements };
}

describe.skipIf(!addon)("ranks", () => {
  it.each(Object.entries(MODELS))("train %s to the bits of one process", async (_, model) => {
    await expectSameBits(graphOf({ model, dtype: "bf16", clip: CLIPS[1] }), [2, 3, 4, 8]);
    await expectSameBits(graphOf({ model }), [2], { threads: 2 });
  });

  it.each(EMBEDDING.map((embedding, i) => [JSON.stringify(embedding), embedding, i] as const))(
    "update tables by %s",
    async (_, embedding, i) => {
      await expectSameBits(graphOf({ embedding, dtype: DTYPES[i % 3], clip: CLIPS[(i + 1) % 3] }), [3]);
    },
  );

  it.each(Array.from({ length: RANDOM }, (_, i) => i))(
    "train random model %i to the bits of one process",
    async (seed) => {
      const { choices, ranks, threads, cut, placements } = randomCase(seed);
      await expectSameBits(graphOf(choices), [ranks], { threads, placements }, cut);
    },
    60_000,
  );

  it("share sessions that reach over ranks", async () => {
    await expectSameBits(graphOf({ loss: { kind: "jrc", session: "user" } }), [2, 3]);
  });

  it.each<[string, Placement]>([
    ["on one of them", { firstRank: 2, owners: 1 }],
    ["on some of them", { firstRank: 1, owners: 2 }],
  ])("keep a whole table %s", async (_, placement) => {
    const placements = new Map([["embeddings.user.weight", placement]]);
    await expectSameBits(graphOf({ clip: CLIPS[1] }), [4], { placements });
  });

  it("all stop before anything is updated where one of them meets a bad id", async () => {
    const bad = new Map(COLUMNS);
    const users = (COLUMNS.get("user") as { data: Int32Array }).data.slice();
    users[ROWS - 1] = USERS;
    bad.set("user", { kind: "id", data: users, offset: 0, stride: 1 });
    const request = { ...requestsOf(CUT, bad)[0], shuffle: undefined };
    const failed = await train(graphOf({}), 3, { requests: [request] }).catch((error) => error);
    expect(failed).toBeInstanceOf(RanksFailed);
    expect(failed.reasons).toHaveLength(3);
    for (const reason of failed.reasons) {
      expect(reason.message).toMatch(/an id is out of range/);
      expect(reason.message).toMatch(/rank 2, input user, row 699/);
    }
    expect(hashesOf({ ...failed, outputs: new Map() })).toEqual(
      hashesOf({
        ...(await train(graphOf({}), 1, { requests: [{ ...request, columns: COLUMNS, count: 600 }] })),
        outputs: new Map(),
      }),
    );
  });

  it("use five collective calls a step, however many tables", async () => {
    const { traffic } = await train(graphOf({ model: MODELS.xdeepfm }), 2);
    const steps = 2 * Math.ceil(ROWS / CUT.batch);
    const calls = traffic[0].filter(({ name }) => name !== "batch");
    expect(calls.map((each) => [each.name, each.calls])).toEqual(
      ["counts", "ids", "rows", "sums", "dense"].map((name) => [name, steps]),
    );
  });

  it("send the bytes that a step needs, and hardly more", async () => {
    const graph = graphOf({ dtype: "bf16" });
    const cut: Cut = { batch: 256, groups: 8 };
    const request = { ...requestsOf(cut)[0], count: STEPS * cut.batch, shuffle: undefined };
    const { traffic } = await train(graph, 2, { requests: [request] }, cut);
    [0, 1].forEach((rank) => {
      const { sent, least } = bytesSent(graph, cut, rank);
      expect(Object.fromEntries(traffic[rank].map(({ name, bytes }) => [name, bytes]))).toMatchObject(sent);
      const total = Object.values(sent).reduce((a, b) => a + b);
      expect(total / least).toBeLessThan(1.02);
    });
  });
});

const STEPS = 2;
const STATUS = 8;
const COUNTS = 8;
const FP32 = 4;
const DIM = 4;
/** Of the tables of `graphOf`: the columns, and bytes of a number. */
const TABLES = [
  { columns: ["user"], rows: USERS, bytes: 2 },
  { columns: ["item", "seen", "liked"], rows: ITEMS, bytes: FP32 },
];

/** By the formula, what one of two ranks sends in whole steps in the order of rows, and the least that any would. */
function bytesSent(graph: Graph, { batch, groups }: Cut, rank: number) {
  const sent = { counts: 0, ids: 0, rows: 0, sums: 0, dense: 0 };
  const folded = shard(graph, shardingOf(2)).nodes.filter(({ op }) => op.folds);
  const widths = folded.flatMap(({ outputs }) => outputs.map(width));
  const sliceOf = (of: number) =>
    widths.reduce((sum, n) => sum + Math.floor((n * (of + 1)) / 2) - Math.floor((n * of) / 2), 0);
  for (let start = 0; start < STEPS * batch; start += batch) {
    const starts = groupStarts(batch, { tileRows: 32, groups });
    const half = starts[Math.floor((starts.length - 1) / 2)];
    const rowsOf = [
      [start, start + half],
      [start + half, start + starts.at(-1)!],
    ];
    for (const name of Object.keys(sent) as (keyof typeof sent)[]) sent[name] += STATUS;
    sent.counts += COUNTS * TABLES.length;
    sent.sums += FP32 * sliceOf(1 - rank);
    sent.dense += FP32 * sliceOf(rank);
    for (const { columns, bytes } of TABLES) {
      // Rank 0 owns the rows whose slots are in the first half.
      const asked = (by: number) =>
        [...uniqueIds(columns, rowsOf[by])].filter((id) => id % SLOTS < SLOTS / 2 !== (by === 0)).length;
      sent.ids += FP32 * asked(rank);
      sent.rows += bytes * DIM * asked(1 - rank);
      sent.sums += FP32 * DIM * asked(rank);
    }
  }
  const overhead = Object.keys(sent).length * STATUS * STEPS + sent.counts;
  return { sent, least: Object.values(sent).reduce((a, b) => a + b) - overhead };
}

function uniqueIds(columns: readonly string[], [begin, end]: number[]): Set<number> {
  const ids = new Set<number>();
  for (const name of columns) {
    const column = COLUMNS.get(name)!;
    if (column.kind === "id") for (const id of column.data.subarray(begin, end)) ids.add(Number(id));
    else if (column.kind === "ids")
      for (const id of column.values.subarray(Number(column.offsets[begin]), Number(column.offsets[end])))
        ids.add(Number(id));
  }
  return ids;
}
