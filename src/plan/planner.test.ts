import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Column } from "../columns/columns.js";
import { byColumns, byRows, copied, type Placement, SLOTS } from "../graph/placement.js";
import { KEYS } from "../graph/translation.js";
import { modelSchema } from "../models/index.js";
import type { FeatureInfo } from "../models/model.js";
import { drawKey, drawUnit } from "../random.js";
import { inferenceGraph, trainingGraph } from "../train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../train/step/optimizers.js";
import { total } from "./cost.js";
import { divided } from "./even-shares.js";
import { Planner, type PlannerOptions } from "./planner.js";
import { type Constraint, type RankPlan, reasonOf } from "./rank-plan.js";

/** Plans of a model with one table for each number of rows; `keys`: dynamic ones; these or `wide`: with a table of first-order weights too. */
function plannerOf(
  rows: readonly number[],
  {
    dim = 16,
    keys = false,
    wide = keys,
    frozen = false,
    composition,
    embedding = { kind: "adagrad" },
    ...options
  }: Options = {},
): Planner {
  const translation = keys ? { translation: { ids: KEYS } } : {};
  const features = rows.map(
    (count, i): FeatureInfo => ({
      ...{ kind: "id", name: `f${i}`, table: `f${i}`, rows: count, ...translation },
      ...(frozen && { trainable: false }),
      ...(composition && { composition }),
    }),
  );
  const names = features.map(({ name }) => name);
  const parts = { wide: { features: names }, deep: { features: names, mlp: { hiddenUnits: [16] } } };
  const model = wide
    ? { kind: "deepfm", embeddingDim: dim, ...parts }
    : { kind: "mlp", embeddingDim: dim, features: names, mlp: { hiddenUnits: [16] } };
  const spec = { model: modelSchema.parse(model), features };
  const settings = {
    optimizers: optimizerSchema.parse({ embedding }),
    l2: l2Schema.parse({}),
    weighted: false,
  };
  const training = trainingGraph(spec, settings);
  return new Planner({ training, inference: inferenceGraph(spec), batch: 2048, ...options });
}

interface Options extends Partial<PlannerOptions> {
  readonly dim?: number;
  readonly keys?: boolean;
  readonly wide?: boolean;
  readonly frozen?: boolean;
  readonly composition?: "multiply";
  readonly embedding?: object;
}

const TABLES = fc.array(fc.integer({ min: 1, max: 2 ** 22 }), { minLength: 1, maxLength: 14 });
const RANKS = fc.integer({ min: 1, max: 12 });

describe("a plan", () => {
  it("places each row once, or on each rank", () => {
    fc.assert(
      fc.property(TABLES, RANKS, (rows, ranks) => {
        const plan = plannerOf(rows).plan(ranks, { work: 1e5 });
        const placed = plan.ranks.reduce((sum, { bytes }) => sum + bytes.tables + bytes.states, 0);
        const times = plan.tables.map(
          ({ table, place }) => table.rows * (place.placement.copies ? ranks : 1),
        );
        const all = times.reduce((sum, count) => sum + count * 16 * (4 + 4), 0);
        expect(placed).toBeCloseTo(all, 3);
        expect(plan.ranks).toHaveLength(ranks);
      }),
      { numRuns: 10, seed: 1 },
    );
  });

  it("fits where no rank has more than its memory", () => {
    fc.assert(
      fc.property(TABLES, RANKS, (rows, ranks) => {
        const memory = 400e6;
        const plan = plannerOf(rows, { memory }).plan(ranks, { work: 1e5 });
        const most = Math.max(...plan.ranks.map(({ bytes }) => total(bytes)));
        expect(plan.fits).toBe(most <= 0.9 * memory);
        expect(Math.max(...plan.ranks.map(({ seconds }) => total(seconds)))).toBeCloseTo(plan.seconds, 9);
      }),
      { numRuns: 10, seed: 2 },
    );
  });

  it("is the fastest of all placements, for few tables", () => {
    const few = fc.array(fc.integer({ min: 1, max: 5000 }), { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(few, fc.integer({ min: 2, max: 4 }), (rows, ranks) => {
        const { model, tables, exact, seconds } = plannerOf(rows).plan(ranks);
        const all = Array.from({ length: ranks }, (_, rank) => rank);
        const base = total(model.base().seconds);
        /** The most that any rank takes at least, with the seconds of the tables before. */
        const least = (spent: readonly number[], [next, ...rest]: typeof tables): number => {
          if (!next) return Math.max(...spent);
          const { name } = next.table;
          const placements = [
            byRows(name, ranks),
            copied(name, ranks),
            ...[2, 3, 4].filter((n) => ranks % n === 0).map((columns) => byColumns(name, ranks, columns)),
            ...all.map((firstRank) => ({ firstRank, owners: 1 })),
          ];
          const taken = (placement: Placement) =>
            spent.map(
              (each, rank) => each + total(model.table(next.table, { placement, cached: 10 }, rank).seconds),
            );
          return Math.min(...placements.map((placement) => least(taken(placement), rest)));
        };
        expect(exact).toBe(true);
        expect(seconds).toBeCloseTo(
          least(
            all.map(() => base),
            tables,
          ),
          12,
        );
      }),
      { numRuns: 20, seed: 3 },
    );
  });

  it("divides each row of small tables among ranks, which have equal shares of it", () => {
    const constraints = new Map([["f0", "columnWise"] as const]);
    const plan = plannerOf([100], { constraints }).plan(4);
    const [{ place }] = plan.tables;
    expect(place.placement).toMatchObject({ firstRank: 0, owners: 1, columns: 4 });
    const seconds = plan.ranks.map(({ seconds: { read, wire, update } }) => [read, wire, update]);
    for (const each of seconds) each.forEach((part, i) => void expect(part).toBeCloseTo(seconds[0][i], 9));
    const grid = plannerOf([100], { constraints: new Map([["f0", "grid"]]) }).plan(4);
    expect(grid.tables[0].place.placement).toMatchObject({ owners: 2, columns: 2 });
    const inThree = plannerOf([100], { constraints: new Map([["f0", { columns: 3 }]]) });
    expect(inThree.plan(6).tables[0].place.placement).toMatchObject({ owners: 2, columns: 3 });
  });

  it("refuses more parts of rows than there are fours", () => {
    const planner = plannerOf([100, 5000], { constraints: new Map([["f0", "columnWise"]]) });
    expect(() => planner.plan(8)).toThrow(/cannot be divided among the ranks like this/);
  });

  it("says in how many parts the widest table of a feature can be divided", () => {
    const planner = plannerOf([100, 100], { wide: true, constraints: new Map([["f0", { columns: 3 }]]) });
    expect(() => planner.plan(4)).toThrow(/embeddings.f0.weight, with 16 columns.*\n.*rows in 2 or 4 parts/);
  });

  it("shares tables by rows that are too narrow for what is said of another table of the feature", () => {
    const constraints = new Map([["f0", "columnWise"] as const]);
    const columnsOf = ({ tables }: RankPlan) =>
      tables.map(({ table, place: { placement } }) => [
        table.dim > 4,
        placement.owners,
        placement.columns ?? 1,
      ]);
    const { tables, ...plan } = plannerOf([100, 100], { wide: true, constraints }).plan(4);
    const ofField = tables.filter(({ table }) => table.table === "f0");
    expect(columnsOf({ ...plan, tables: ofField }).sort()).toEqual([
      [false, 4, 1],
      [true, 1, 4],
    ]);
  });

  it("says which table is too narrow where all tables of a feature are on the same ranks", () => {
    const constraints = new Map([["f0", "columnWise"] as const]);
    const refused = () => plannerOf([100, 100], { keys: true, constraints }).plan(4);
    expect(refused).toThrow(
      /cannot be divided.*\n.*"columnWise" of linear.f0.weight, with 4 columns, and 4 ranks\n.*whole rows, as the tables of a dynamic feature/,
    );
  });

  it.each([
    [{ kind: "rowWiseAdagrad" }, 1],
    [{ kind: "partialRowWiseLamb" }, 4 + 1],
    [{ kind: "lamb" }, 2 * 4],
  ])(
    "counts a state of one number a row on each of the ranks that have its columns, with %o",
    (embedding, floats) => {
      const { ranks } = plannerOf([100], { embedding, constraints: new Map([["f0", "columnWise"]]) }).plan(4);
      const bytes = ranks.map(({ bytes: { tables, states } }) => [tables, states]);
      for (const each of bytes) expect(each).toEqual([100 * 4 * 4, 100 * 4 * floats]);
    },
  );

  it("takes longer where ranks tell each other the columns of the rows that a step updates", () => {
    const wireOf = (embedding: object) => {
      const { model, ranks } = plannerOf([100], {
        embedding,
        constraints: new Map([["f0", "columnWise"]]),
      }).plan(4);
      const sent = model.sent(new Map([["embeddings.f0.weight", byColumns("f0", 4, 4)]]))[0].get("sums")!;
      return {
        wire: ranks[0].seconds.wire,
        sent,
        rows: model.lookupsOf(model.demand.tables[0]).updated.at(-1)!,
      };
    };
    const [gradients, weights, states] = ["rowWiseAdagrad", "larsSgd", "lamb"].map((kind) =>
      wireOf({ kind }),
    );
    // Four columns of each of them, to three other ranks.
    expect(weights.sent - gradients.sent).toBeCloseTo(weights.rows * 4 * 4 * 3, 6);
    expect(states.sent - gradients.sent).toBeCloseTo(states.rows * 3 * 4 * 4 * 3, 6);
    expect((states.wire - gradients.wire) / (weights.wire - gradients.wire)).toBeCloseTo(3, 6);
  });

  it("divides rows in as many parts as there are fours", () => {
    const tables = plannerOf([100, 200], { keys: true }).tables();
    expect(tables.map(({ table, dim, parts }) => [table, dim, parts])).toEqual([
      ["f0", 4, 1],
      ["f1", 4, 1],
      ["f0", 16, 4],
      ["f1", 16, 4],
    ]);
  });

  it("divides a terabyte with its states among 16 ranks of 128 GiB", () => {
    const plan = plannerOf([1_500_000_000, 400_000_000, 50_000_000, 249], {
      dim: 64,
      memory: 128 * 2 ** 30,
    }).plan(16);
    const bytes = plan.ranks.map((rank) => rank.bytes.tables + rank.bytes.states);
    expect(bytes.reduce((a, b) => a + b)).toBeGreaterThan(0.99e12);
    expect(plan.fits).toBe(true);
    expect(Math.max(...bytes)).toBeLessThan(1.001 * Math.min(...bytes));
  });

  it("keeps tables whose ids are translated together on the same ranks, and counts their keys on every rank", () => {
    const plan = plannerOf([1000, 30_000, 500_000], { keys: true }).plan(3);
    const ranksOf = new Map<string, string>();
    for (const { table, place } of plan.tables) {
      const ranks = JSON.stringify(place.placement);
      expect(ranksOf.get(table.translation!) ?? ranks).toBe(ranks);
      ranksOf.set(table.translation!, ranks);
    }
    expect(ranksOf.size).toBe(3);
    for (const { bytes } of plan.ranks) expect(bytes.keys).toBe(19 * 531_000);
  });

  it("keeps as much of a table in memory as its store says, and copies no such table to all ranks", () => {
    const stores = new Map([["f1", { memory: "25%" }]]);
    const [whole, stored] = [{}, { stores }].map((options) =>
      plannerOf([1000, 500_000], { keys: true, ...options }),
    );
    const bytesOf = (planner: Planner) =>
      planner.plan(2).ranks.reduce((sum, { bytes }) => sum + bytes.tables + bytes.states, 0);
    // Rows of 16 numbers and of 4, each with its state.
    expect(bytesOf(whole) - bytesOf(stored)).toBeCloseTo(0.75 * 500_000 * 20 * 8, -1);
    expect(stored.plan(2).ranks[0].disk).toBeGreaterThan(0);
    const replicated = plannerOf([1000, 500_000], {
      keys: true,
      stores,
      constraints: new Map([["f1", "replicated"]]),
    });
    expect(() => replicated.plan(2)).toThrow(/a table with a store cannot be on every rank.*\n.*"25%" of f1/);
  });

  it("gives all tables of a feature one store where rows may be in files, and none to compositional tables", () => {
    const options = { wide: true, memory: 300e6 };
    const { tables } = plannerOf([2_000_000, 3_000_000, 1000], options).plan(2, { files: true });
    const cached = new Map<string, Set<number>>();
    for (const { table, place } of tables)
      cached.set(table.table, (cached.get(table.table) ?? new Set()).add(place.cached));
    for (const shares of cached.values()) expect(shares.size).toBe(1);
    expect(Math.min(...[...cached.values()].flatMap((shares) => [...shares]))).toBeLessThan(10);
    const composed = plannerOf([1e10], { composition: "multiply", memory: 235e6 }).plan(2, {
      files: true,
    });
    for (const { place } of composed.tables) expect(place.cached).toBe(10);
  });

  it("places both tables of a compositional feature by its name", () => {
    const constraints = new Map([["f0", { rank: 1 }]]);
    const { tables } = plannerOf([10_000], { composition: "multiply", constraints }).plan(2);
    expect(tables.map(({ table, place }) => [table.name, place.placement])).toEqual(
      ["quotient", "remainder"].map((part) => [`embeddings.f0.${part}.weight`, { firstRank: 1, owners: 1 }]),
    );
  });

  it("looks for no store that would keep a table from being divided as the config says", () => {
    const constraints = new Map([["f0", "columnWise"] as const]);
    const placed = plannerOf([4_000_000, 4_000_000], { wide: true, constraints, memory: 300e6 }).plan(4, {
      files: true,
    });
    const cachedOf = (name: string) =>
      placed.tables.filter(({ table }) => table.table === name).map(({ place }) => place.cached);
    const [deep] = placed.tables.filter(({ table }) => table.table === "f0" && table.dim === 16);
    expect(deep.place.placement.columns).toBe(4);
    expect(cachedOf("f0")).toEqual([10, 10]);
    expect(cachedOf("f1").every((tenths) => tenths < 10)).toBe(true);
  });

  it("has copies of frozen tables, of which nothing need be exchanged", () => {
    const rows = [1_000, 50_000];
    const plan = plannerOf(rows, { frozen: true }).plan(4);
    expect(plan.tables.map(({ place }) => place.placement.copies)).toEqual([true, true]);
    const sent = plan.model.sent(
      new Map(plan.tables.map(({ table, place }) => [table.name, place.placement])),
    );
    expect([...sent[0].keys()]).toEqual(["sums", "dense"]);
  });

  it("says that a table has few rows where ranks that share it have none of them", () => {
    const rows = [3, 155, 976, 50_000];
    const reasons = (ranks: number, constraint: Constraint, keys = false) => {
      const constraints = new Map(rows.map((_, i) => [`f${i}`, constraint] as const));
      const { model, tables } = plannerOf(rows, { constraints, keys }).plan(ranks);
      return tables.map(({ table, place }) => reasonOf(model, table, place, undefined));
    };
    // Of 1024 slots, each of 8 ranks has 128.
    expect(reasons(8, "rowWise")).toEqual([
      "few rows, on one rank",
      "few rows, on 2 ranks",
      ...["even shares", "even shares"],
    ]);
    expect(reasons(8, { columns: 4 })).toEqual([
      ...["few rows, on 4 ranks", "few rows, on 4 ranks"],
      ...["even shares of each row", "even shares of each row"],
    ]);
    expect(reasons(4, "columnWise")).toEqual(rows.map(() => "even shares of each row"));
    expect(reasons(8, "rowWise", true)).toEqual([...rows, ...rows].map(() => "even shares"));
  });

  it("counts the memory of what is computed for each entry of a sequence", () => {
    const [ROWS, BATCH, DIM] = [512, 256, 8];
    const features: FeatureInfo[] = [
      { kind: "id", name: "item", table: "item", rows: 1000 },
      { kind: "ids", name: "seen", table: "item", rows: 1000, sequence: "seen" },
    ];
    const sequences = [{ kind: "din", query: ["item"], columns: ["seen"], mlp: { hiddenUnits: [4] } }];
    const model = {
      kind: "mlp",
      embeddingDim: DIM,
      features: ["item"],
      sequences,
      mlp: { hiddenUnits: [4] },
    };
    const spec = { model: modelSchema.parse(model), features };
    const optimizers = optimizerSchema.parse({ embedding: { kind: "adagrad" } });
    const training = trainingGraph(spec, { optimizers, l2: l2Schema.parse({}), weighted: false });
    const arenasOf = (length: number): number => {
      const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, row) => BigInt(row * length));
      const seen = { kind: "ids" as const, values: new Int32Array(ROWS * length), offsets };
      const item = { kind: "id" as const, data: new Int32Array(ROWS), offset: 0, stride: 1 };
      const data = { rows: ROWS, columns: new Map<string, Column>([...Object.entries({ item, seen })]) };
      const planner = new Planner({ training, inference: inferenceGraph(spec), batch: BATCH, data });
      return planner.plan(2).ranks[0].bytes.arenas;
    };
    const [short, middle, long] = [4, 12, 20].map(arenasOf);
    expect(long - middle).toBeCloseTo(middle - short, 3);
    // At least the rows that are looked up, in training.
    expect(middle - short).toBeGreaterThan(8 * (BATCH / 2) * DIM * 4);
  });

  it("counts the entries of a sequence of numbers alone", () => {
    const features: FeatureInfo[] = [
      { kind: "id", name: "item", table: "item", rows: 1000 },
      { kind: "ids", name: "prices", table: "prices", rows: 1, sequence: "seen", numbers: true },
    ];
    const model = {
      kind: "mlp",
      embeddingDim: 8,
      features: ["item"],
      sequences: [{ kind: "selfAttention", columns: ["prices"], dim: 8 }],
      mlp: { hiddenUnits: [4] },
    };
    const spec = { model: modelSchema.parse(model), features };
    const optimizers = optimizerSchema.parse({ embedding: { kind: "adagrad" } });
    const training = trainingGraph(spec, { optimizers, l2: l2Schema.parse({}), weighted: false });
    const arenasOf = (length?: number): number => {
      const offsets = BigUint64Array.from({ length: 513 }, (_, row) => BigInt(row * (length ?? 0)));
      const prices = { kind: "ids" as const, values: new Int32Array(512 * (length ?? 0)), offsets };
      const item = { kind: "id" as const, data: new Int32Array(512), offset: 0, stride: 1 };
      const data = { rows: 512, columns: new Map<string, Column>([...Object.entries({ item, prices })]) };
      const counted = length === undefined ? {} : { data };
      const planner = new Planner({ training, inference: inferenceGraph(spec), batch: 256, ...counted });
      return planner.plan(2).ranks[0].bytes.arenas;
    };
    // One entry in a row is the guess, too.
    expect(arenasOf()).toBe(arenasOf(1));
    const [short, middle, long] = [4, 12, 20].map(arenasOf);
    expect(long - middle).toBeCloseTo(middle - short, 3);
    expect(middle - short).toBeGreaterThan(8 * (256 / 2) * 8 * 4);
  });

  it("is faster than equal parts of all tables, where small ones have their rows in few slots", () => {
    const rows = [100, 100, 100, 100, 100, 100, 100, 4_000_000];
    const constraints = new Map(rows.map((_, i) => [`f${i}`, "rowWise"] as const));
    const [best, equal] = [{}, { constraints }].map((options) => plannerOf(rows, options).plan(4));
    const [large] = [...best.tables].sort((a, b) => b.table.rows - a.table.rows);
    expect(large.place.placement.owners).toBe(4);
    expect(best.exact).toBe(true);
    expect(best.seconds).toBeLessThan(equal.seconds);
  });

  describe("that has counted ids", () => {
    const BATCH = 2048;
    /** Of each table: half of the ids are among its first ones, the others anywhere. */
    const measured = (rows: readonly number[], first: number): Options => {
      const columns = rows.map((count, i): [string, Column] => {
        const draw = drawKey(i, 0, 0);
        const data = Int32Array.from({ length: 2 * BATCH }, (_, at) =>
          Math.floor((at % 2 === 0 ? Math.min(first, count) : count) * drawUnit(draw, at)),
        );
        return [`f${i}`, { kind: "id", data, offset: 0, stride: 1 }];
      });
      return { data: { rows: 2 * BATCH, columns: new Map(columns) }, groups: 16 };
    };
    const constrained = (rows: readonly number[], to: Constraint) =>
      new Map(rows.map((_, i) => [`f${i}`, to] as const));
    /** Seconds that each rank takes for tables. */
    const onTables = ({ model, tables, ranks }: RankPlan, placementOf?: (name: string) => Placement) =>
      ranks.map((_, rank) =>
        tables.reduce((sum, { table, place }) => {
          const placement = placementOf?.(table.name) ?? place.placement;
          return sum + total(model.table(table, { ...place, placement }, rank).seconds);
        }, 0),
      );
    const evenness = (loads: readonly number[]) =>
      (Math.max(...loads) * loads.length) / loads.reduce((a, b) => a + b);
    const bytesOf = ({ ranks }: RankPlan) => ranks.map(({ bytes }) => total(bytes));

    it.each<[Constraint, number]>([
      ["rowWise", 8],
      [{ columns: 2 }, 4],
      ["replicated", 8],
    ])("gives ranks shares of about equal loads, %j", (constraint, shares) => {
      const rows = [100, 3000, 50_000, 1_000_000];
      const plan = plannerOf(rows, {
        ...measured(rows, 40),
        constraints: constrained(rows, constraint),
      }).plan(8);
      const equal = plannerOf(rows, { constraints: constrained(rows, constraint) }).plan(8);
      const places = new Map(equal.tables.map(({ table, place }) => [table.name, place.placement]));
      expect(evenness(onTables(plan, (name) => places.get(name)!))).toBeGreaterThan(1.15);
      expect(evenness(onTables(plan))).toBeLessThan(1.03);
      expect(plan.seconds).toBeGreaterThanOrEqual(plan.bound);
      expect(plan.seconds).toBeLessThan(1.05 * plan.bound);
      const { starts } = plan.tables.find(({ place }) => place.placement.starts)!.place.placement;
      expect(starts).toHaveLength(shares);
      const kept = (each: RankPlan) => each.ranks.reduce((sum, { bytes }) => sum + bytes.tables, 0);
      expect(kept(plan)).toBeCloseTo(kept(equal), 3);
    });

    it("does not give a rank much more memory for that", () => {
      const rows = [20_000_000];
      const options = { ...measured(rows, 8), constraints: constrained(rows, "rowWise") };
      const plan = plannerOf(rows, options).plan(8);
      const equal = plannerOf(rows, { constraints: options.constraints }).plan(8);
      expect(plan.tables[0].place.placement.starts).toBeDefined();
      expect(Math.max(...bytesOf(plan))).toBeLessThan(1.101 * Math.max(...bytesOf(equal)));
      const memory = (1.02 * Math.max(...bytesOf(equal))) / 0.9;
      const full = plannerOf(rows, { ...options, memory }).plan(8);
      expect(full.fits).toBe(true);
      expect(Math.max(...bytesOf(full))).toBeLessThanOrEqual(0.9 * memory);
    });

    it("divides tables whose ids are translated together alike, and leaves equal shares where rows are in files", () => {
      const rows = [3000, 50_000];
      const stores = new Map([["f1", { memory: "25%" }]]);
      const constraints = constrained(rows, "rowWise");
      const plan = plannerOf(rows, { ...measured(rows, 40), keys: true, stores, constraints }).plan(4);
      const startsOf = (name: string) =>
        plan.tables.filter(({ table }) => table.table === name).map(({ place }) => place.placement.starts);
      expect(startsOf("f0")[0]).toHaveLength(4);
      expect(startsOf("f0")[1]).toEqual(startsOf("f0")[0]);
      expect(startsOf("f1")).toEqual([undefined, undefined]);
    });
  });
});

it("shares have the least sum of costs that any boundaries give", () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 6 }), fc.integer(), (shares, seed) => {
      const draw = drawKey(seed, 0, 0);
      const before = Array.from({ length: shares }, (_, share) => 200 * drawUnit(draw, share));
      const below = [0];
      for (let slot = 0; slot < SLOTS; slot++)
        below.push(below[slot] + Math.floor(1 / (0.01 + drawUnit(draw, shares + slot))));
      const cost = (share: number, begin: number, end: number) =>
        (before[share] + below[end] - below[begin]) ** 2;
      const starts = divided(shares, cost);
      const found = starts.reduce((sum, start, i) => sum + cost(i, start, starts[i + 1] ?? SLOTS), 0);
      // The least for the slots below each end, share by share, of all begins.
      let least = below.map((_, end) => cost(0, 0, end));
      for (let share = 1; share < shares; share++)
        least = least.map((_, end) =>
          least.slice(0, end + 1).reduce((a, b, begin) => Math.min(a, b + cost(share, begin, end)), Infinity),
        );
      expect(found).toBe(least[SLOTS]);
    }),
    { numRuns: 10, seed: 4 },
  );
});
