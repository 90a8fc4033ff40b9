import { describe, expect, it } from "vitest";
import type { RunRequest } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import type { Column } from "../src/columns/columns.js";
import { groupStarts } from "../src/graph/accumulation.js";
import type { Graph } from "../src/graph/graph.js";
import { copied, mostColumns, type Placement, SLOTS } from "../src/graph/placement.js";
import { columnsOf, type TableDtype, width } from "../src/graph/tensor.js";
import { type DynamicSpec, type EvictionRule, KEYS, MISSING_KEY } from "../src/graph/translation.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { loadAddon } from "../src/native/addon.js";
import { shard, shardingOf, usesOfTables } from "../src/passes/shard.js";
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
/** Rows of the tables have three parts at most: 4, 4 and 2 numbers. */
const DIM = 10;

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
  readonly l2?: object;
  readonly loss?: object;
  /** The tables whose ids are keys. */
  readonly dynamic?: Dynamic;
  /** True if users have weights that are not trained. */
  readonly frozen?: boolean;
}
type Dynamic = Readonly<Partial<Record<"user" | "item", DynamicSpec>>>;

const rowsOf = (rows: number, spec?: DynamicSpec) =>
  spec ? { rows: spec.capacity + 1, translation: { ids: KEYS } } : { rows };

function featuresOf(dtype: TableDtype, dynamic: Dynamic = {}, trainable = true): readonly FeatureInfo[] {
  const items = { table: "item", ...rowsOf(ITEMS, dynamic.item) };
  return [
    { kind: "number", name: "numbers", width: 3 },
    { kind: "id", name: "user", table: "user", ...rowsOf(USERS, dynamic.user), dtype, trainable },
    { kind: "id", name: "item", ...items },
    { kind: "ids", name: "seen", ...items, pooling: "mean" },
    { kind: "ids", name: "liked", ...items, pooling: "sum" },
    { kind: "ids", name: "viewed", ...items, sequence: "history" },
  ];
}
const NAMES = featuresOf("fp32").flatMap((feature) => ("sequence" in feature ? [] : [feature.name]));
const SPARSE = NAMES.slice(1);

const MODELS = {
  mlp: { kind: "mlp", features: NAMES, embeddingDim: DIM, mlp: { hiddenUnits: [19, 8] } },
  din: {
    kind: "mlp",
    features: NAMES,
    sequences: [{ kind: "din", query: ["item"], columns: ["viewed"], mlp: { hiddenUnits: [5] } }],
    embeddingDim: DIM,
    mlp: { hiddenUnits: [8] },
  },
  normalized: {
    kind: "mlp",
    features: NAMES,
    embeddingDim: DIM,
    mlp: { hiddenUnits: [19, 8], norm: "batch", dropout: 0.3, bias: false },
  },
  dlrm: {
    kind: "dlrm",
    dense: { features: ["numbers"], mlp: { hiddenUnits: [8, DIM] } },
    sparse: { features: SPARSE },
    embeddingDim: DIM,
    final: { hiddenUnits: [16] },
  },
  xdeepfm: {
    kind: "xdeepfm",
    wide: { features: SPARSE },
    deep: { features: NAMES, mlp: { hiddenUnits: [8] } },
    embeddingDim: DIM,
    cin: { layers: [6, 5] },
    linear: true,
    fm: true,
  },
};

function graphOf(choices: Choices): Graph {
  const { model = MODELS.mlp, dtype = "fp32", clip, dense, embedding, l2, loss, dynamic, frozen } = choices;
  const parsed = loss && lossSchema.parse(loss);
  const head = parsed && factsOf(parsed).head;
  return trainingGraph(
    {
      model: modelSchema.parse(model),
      features: featuresOf(dtype, dynamic, !frozen),
      outputs: head?.outputs,
      head,
    },
    {
      optimizers: optimizerSchema.parse({
        dense: dense ?? { kind: "adam" },
        embedding: embedding ?? { kind: "adagrad" },
      }),
      l2: l2Schema.parse(l2 ?? {}),
      clip: clip && clipSchema.parse(clip),
      loss: parsed,
      weighted: false,
    },
  );
}

const SAMPLE = sampleColumns({ rows: ROWS, users: USERS, items: ITEMS, labelOf: Math.round });
const COLUMNS: ReadonlyMap<string, Column> = new Map([...SAMPLE, ["viewed", SAMPLE.get("seen")!]]);

/** Keys of all kinds: near zero, negative, beyond 2^53, missing. */
function keyOf(id: number): bigint {
  if (id % 97 === 5) return MISSING_KEY;
  const key = BigInt(id);
  return id % 3 === 0 ? key : id % 3 === 1 ? -key : BigInt.asIntN(64, key * 0x9e3779b97f4a7c15n);
}

/** The columns, where the ids of dynamic tables are keys. */
function withKeys(dynamic: Dynamic): ReadonlyMap<string, Column> {
  const keyed = [
    ...(dynamic.user ? ["user"] : []),
    ...(dynamic.item ? ["item", "seen", "liked", "viewed"] : []),
  ];
  const columns = new Map(COLUMNS);
  const keysOf = (ids: ArrayLike<number | bigint>) => BigInt64Array.from(ids, (id) => keyOf(Number(id)));
  for (const name of keyed) {
    const column = COLUMNS.get(name)!;
    if (column.kind === "id") columns.set(name, { ...column, data: keysOf(column.data) });
    else if (column.kind === "ids") columns.set(name, { ...column, values: keysOf(column.values) });
  }
  return columns;
}

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

/** Two shares, of two ranks each. */
const GRID: Placement = { firstRank: 0, owners: 2, columns: 2, turn: 1 };

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

/** Trains with dynamic tables. */
async function expectSameKeys(
  choices: Choices,
  ranks: readonly number[],
  more: Partial<RankedRun> = {},
  cut = CUT,
) {
  const { dynamic = {} } = choices;
  const run = {
    ...more,
    requests: requestsOf(cut, withKeys(dynamic)),
    dynamic: new Map(Object.entries(dynamic)),
  };
  const result = await train(graphOf(choices), 1, { ...run, threads: 2 }, cut);
  const alone = hashesOf(result);
  for (const count of ranks)
    expect(hashesOf(await train(graphOf(choices), count, run, cut)), `${count} ranks`).toEqual(alone);
  return result.states;
}

/** Those that update only rows in use, as dynamic tables need. */
const LAZY = [
  ...EMBEDDING.filter(({ lazy }) => lazy !== false),
  { kind: "lamb", weightDecay: 0.02 },
  { kind: "larsSgd" },
];
const EVICTIONS: readonly EvictionRule[] = [
  { kind: "lru" },
  { kind: "lfu" },
  { kind: "lfuDecay", halfLife: 2 },
  { kind: "age", steps: 1 },
  { kind: "norm", below: 0.4, every: 2 },
  { kind: "never" },
];
const ADMISSIONS: readonly DynamicSpec["admit"][] = [
  undefined,
  { probability: 0.6 },
  { count: 2, counter: "exact" },
  { count: 2, counter: "bloom" },
];
const UNKNOWN: readonly DynamicSpec["unknown"][] = ["zero", "shared", { kind: "uniform", low: -1, high: 1 }];

/** Tables that hardly have room for the keys of a batch, where keys lose rows for new ones. */
function dynamicSpec(i: number): DynamicSpec {
  const evict = EVICTIONS[i % EVICTIONS.length];
  const replaces = evict.kind !== "never" && evict.kind !== "norm";
  return {
    kind: "dynamic",
    capacity: replaces ? 420 : USERS,
    growFrom: 4,
    evict,
    admit: ADMISSIONS[i % ADMISSIONS.length],
    unknown: UNKNOWN[i % UNKNOWN.length],
  };
}

/** A model, how it is trained, and by how many ranks. */
function randomCase(seed: number) {
  const key = drawKey(seed, 1, 0);
  let draws = 0;
  const below = (n: number): number => Math.floor(n * drawUnit(key, draws++));
  const pick = <T>(items: readonly T[]): T => items[below(items.length)];
  const ranks = 1 + below(16);
  const placementOf = (): Placement => {
    if (below(3) === 0) return { ...copied(String(below(ranks)), ranks), ...shares(Math.min(ranks, SLOTS)) };
    const firstRank = below(ranks);
    const columns = 1 + below(Math.min(3, ranks - firstRank));
    const owners = 1 + below(Math.floor((ranks - firstRank) / columns));
    return { firstRank, owners, turn: below(owners), columns, ...shares(owners) };
  };
  /** Equal shares, or any, some of them empty. */
  const shares = (owners: number) => {
    const starts = Array.from({ length: owners - 1 }, () => below(SLOTS + 1)).sort((a, b) => a - b);
    return below(2) === 0 && { starts: [0, ...starts] };
  };
  const dynamic = {
    ...(below(2) === 0 && { user: { ...dynamicSpec(below(12)), capacity: USERS } }),
    ...(below(2) === 0 && { item: { ...dynamicSpec(below(12)), capacity: ITEMS } }),
  };
  const choices: Choices = {
    dynamic,
    model: pick(Object.values(MODELS)),
    dtype: pick(DTYPES),
    clip: pick(CLIPS),
    dense: { kind: pick(["sgd", "adagrad", "adam", "adamw"]) },
    embedding: pick(dynamic.user || dynamic.item ? LAZY : EMBEDDING),
    l2: pick([undefined, { embedding: 0.01, rows: dynamic.user || dynamic.item ? "touched" : "all" }]),
    loss: pick([undefined, undefined, { kind: "jrc", session: "user" }]),
  };
  const chosen: Record<string, Placement> = { user: placementOf(), item: placementOf() };
  // Tables of one feature, whose ids are translated together, have the same placement.
  const graph = graphOf(choices);
  const uses = [...usesOfTables(graph)].map(([table, { attrs }]) => ({ table, attrs }));
  const placements = new Map(
    uses.map(({ attrs: { name, translation } }) => {
      const of = name.includes("user") ? "user" : "item";
      const together = uses.filter(({ attrs }) =>
        translation === undefined ? attrs.name === name : attrs.translation === translation,
      );
      const most = Math.min(...together.map(({ table }) => mostColumns(columnsOf(table))));
      const fits = (chosen[of].columns ?? 1) <= most;
      return [name, fits ? chosen[of] : { ...chosen[of], columns: 1 }] as const;
    }),
  );
  const cut: Cut = { batch: 33 + below(600), groups: 1 + below(20) };
  return { choices, ranks, threads: 1 + below(2), cut, placements, overlaps: below(2) === 0 };
}

describe.skipIf(!addon)("ranks", () => {
  it.each(Object.entries(MODELS))("train %s to the bits of one process", async (_, model) => {
    await expectSameBits(graphOf({ model, dtype: "bf16", clip: CLIPS[1] }), [2, 3, 4, 8]);
    await expectSameBits(graphOf({ model }), [2], { threads: 2 });
    await expectSameBits(graphOf({ model }), [2, 3], { threads: 2, overlaps: true });
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
      const { choices, ranks, cut, ...run } = randomCase(seed);
      await expectSameKeys(choices, [ranks], run, cut);
    },
  );

  it.each(EVICTIONS.map((evict, i) => [evict.kind, i] as const))(
    "share a dynamic table that evicts by %s",
    async (_, i) => {
      const dynamic = { user: dynamicSpec(i), item: { ...dynamicSpec(i + 1), capacity: ITEMS } };
      const states = await expectSameKeys({ dynamic, dtype: DTYPES[i % 3], clip: CLIPS[1] }, [2, 3, 4, 8]);
      const [, , admitted, evicted] = states.get("user")!;
      expect(Number(admitted)).toBeGreaterThan(100);
      expect(evicted > 0n).toBe(EVICTIONS[i].kind !== "never");
    },
  );

  it.each(LAZY.map((embedding, i) => [JSON.stringify(embedding), embedding, i] as const))(
    "update dynamic tables, and parts of their rows, by %s",
    async (_, embedding, i) => {
      const choices = { embedding, dtype: DTYPES[i % 3], clip: CLIPS[(i + 1) % 3] };
      await expectSameKeys({ ...choices, dynamic: { user: dynamicSpec(i) } }, [3]);
      const placements = new Map([["embeddings.user.weight", GRID]]);
      await expectSameKeys({ ...choices, dynamic: { user: dynamicSpec(i) } }, [4], { placements });
    },
  );

  it("share sessions that reach over ranks", async () => {
    await expectSameBits(graphOf({ loss: { kind: "jrc", session: "user" } }), [2, 3]);
  });

  it.each(EMBEDDING.map((embedding, i) => [JSON.stringify(embedding), embedding, i] as const))(
    "update parts of rows by %s",
    async (_, embedding, i) => {
      const placements = new Map([
        ["embeddings.user.weight", { firstRank: 0, owners: 1, columns: 3 }],
        ["embeddings.item.weight", { firstRank: 1, owners: 1, columns: 2 }],
      ]);
      const choices = { embedding, dtype: DTYPES[i % 3], clip: CLIPS[i % 3] };
      await expectSameBits(graphOf(choices), [3], { placements });
      const l2 = { embedding: 0.01, rows: i % 2 === 0 ? "all" : "touched" };
      const grid = new Map([["embeddings.user.weight", GRID]]);
      await expectSameBits(graphOf({ ...choices, l2 }), [4], { placements: grid, threads: 2 });
    },
  );

  it("refuse to divide rows among more ranks than they have fours of columns", async () => {
    const placements = new Map([["embeddings.user.weight", { firstRank: 0, owners: 1, columns: 4 }]]);
    await expect(train(graphOf({}), 4, { placements })).rejects.toThrow(
      /embeddings\.user\.weight: .*4 parts of each row.*at most 3, of 4 columns/s,
    );
  });

  it.each<[string, Placement]>([
    ["on one of them", { firstRank: 2, owners: 1 }],
    ["on some of them", { firstRank: 1, owners: 2 }],
    ["on each of them", copied("user", 4)],
    ["by columns on three of them", { firstRank: 1, owners: 1, columns: 3 }],
    ["in a grid", GRID],
    ["in unequal shares", { firstRank: 0, owners: 4, turn: 3, starts: [0, 3, 3, 700] }],
  ])("keep a whole table %s", async (_, placement) => {
    const placements = new Map([["embeddings.user.weight", placement]]);
    await expectSameBits(graphOf({ clip: CLIPS[1] }), [4], { placements });
  });

  it("send nothing of a table that each of them has and nobody trains", async () => {
    const placements = new Map([
      ["embeddings.user.weight", copied("user", 3)],
      ["embeddings.item.weight", copied("item", 3)],
    ]);
    const graph = graphOf({ frozen: true });
    await expectSameBits(graph, [3], { placements });
    expect(
      shard(graph, shardingOf(3, placements)).nodes.filter(({ op }) => op.kind === "tellRows"),
    ).toHaveLength(1);
  });

  it.each<[string, Dynamic, boolean]>([
    ["", {}, false],
    [", and no key keeps a row that it got in the step", { item: dynamicSpec(0) }, false],
    [" while they exchange", { item: dynamicSpec(0) }, true],
  ])(
    "all stop before anything is updated where one of them meets a bad id%s",
    async (_, dynamic, overlaps) => {
      const columns = withKeys(dynamic);
      const bad = new Map(columns);
      const users = (COLUMNS.get("user") as { data: Int32Array }).data.slice();
      users[ROWS - 1] = USERS;
      bad.set("user", { kind: "id", data: users, offset: 0, stride: 1 });
      const request = { ...requestsOf(CUT, bad)[0], shuffle: undefined };
      const run = { dynamic: new Map(Object.entries(dynamic)), overlaps };
      const graph = graphOf({ dynamic });
      const failed = await train(graph, 3, { ...run, requests: [request] }).catch((error) => error);
      expect(failed).toBeInstanceOf(RanksFailed);
      expect(failed.reasons).toHaveLength(3);
      for (const reason of failed.reasons) {
        expect(reason.message).toMatch(/an id is out of range/);
        expect(reason.message).toMatch(/rank 2, input user, row 699/);
      }
      expect(hashesOf({ ...failed, outputs: new Map() })).toEqual(
        hashesOf({
          ...(await train(graph, 1, { ...run, requests: [{ ...request, columns, count: 600 }] })),
          outputs: new Map(),
        }),
      );
    },
  );

  it("use five collective calls a step, however many tables", async () => {
    const dynamic = { user: dynamicSpec(0) };
    const run = { requests: requestsOf(CUT, withKeys(dynamic)), dynamic: new Map(Object.entries(dynamic)) };
    const { traffic } = await train(graphOf({ model: MODELS.xdeepfm, dynamic }), 2, run);
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
    const tables = graph.nodes.filter(({ attrs }) => attrs?.role === "table").map(({ attrs }) => attrs.name);
    const placements = new Map(tables.map((name: string) => [name, { firstRank: 0, owners: 2 }]));
    const { traffic } = await train(graph, 2, { requests: [request], placements }, cut);
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
