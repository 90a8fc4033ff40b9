import { describe, expect, it } from "vitest";
import type { Backend, Memory, RunRequest, Translation } from "../src/backends/backend.js";
import { valuesOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import type { TranslationSpec } from "../src/graph/translation.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import { draw, drawKey } from "../src/random.js";
import { Parameters } from "../src/train/parameters.js";
import { inferenceGraph, LOGITS, parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { learningRates } from "../src/train/step/optimizer-groups.js";
import { type EmbeddingOptimizer, l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
import { BACKENDS } from "./backends.js";

/*
 * The seam between ids and rows: whatever gives a row to an id, a model trains to the same weights under other row
 * numbers, and predicts the same, bit for bit.
 */

const IDS = 70;
const ROWS = 100;
const BATCH = 24;

const key = drawKey(7, 1, 0);
const below = (index: number, limit: number): number => draw(key, index) % limit;
const ITEM = Int32Array.from({ length: ROWS }, (_, b) => below(b, IDS - 2));
/** Up to three ids a row, most of them small: ids repeat within a step and are new until late. */
const SEEN = Array.from({ length: ROWS }, (_, b) =>
  Array.from({ length: below(1000 + b, 4) }, (_, i) => below(2000 + 4 * b + i, 1 + below(9000 + b, IDS - 2))),
);

function columns(): Map<string, Column> {
  const offsets = new BigUint64Array(ROWS + 1);
  for (const [b, bag] of SEEN.entries()) offsets[b + 1] = offsets[b] + BigInt(bag.length);
  const values = Int32Array.from(SEEN.flat());
  const weights = Float32Array.from(values, (_, i) => (below(4000 + i, 5) + 1) / 4);
  const label = Float32Array.from({ length: ROWS }, (_, b) => below(5000 + b, 2));
  const user = Int32Array.from({ length: ROWS }, (_, b) => below(6000 + b, 12));
  return new Map<string, Column>([
    ["user", { kind: "id", data: user, offset: 0, stride: 1 }],
    ["item", { kind: "id", data: ITEM, offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values, offsets, weights }],
    ["@label", { kind: "number", data: label, offset: 0, stride: 1, width: 1 }],
  ]);
}

const REQUEST = {
  columns: columns(),
  rows: ROWS,
  start: 0,
  count: ROWS,
  batch: BATCH,
  seed: 5,
  firstStep: 0,
} satisfies Omit<RunRequest, "scalars">;

/** Two features share the table `item`, and the first-order weights of their ids have a table of that name too. */
function featuresOf(rows: number, translated: boolean): FeatureInfo[] {
  const item = { table: "item", rows, ...(translated && { translation: { ids: IDS } }) };
  return [
    { kind: "id", name: "user", table: "user", rows: 12 },
    { kind: "id", name: "item", ...item },
    { kind: "ids", name: "seen", ...item, pooling: "mean" },
  ];
}

const MODEL = modelSchema.parse({
  kind: "deepfm",
  wide: { features: ["user", "item", "seen"] },
  deep: { features: ["user", "item", "seen"], mlp: { hiddenUnits: [6] } },
  embeddingDim: 5,
});
const TABLES = /\.item\.weight/;

interface Setup {
  readonly backend: Backend;
  readonly embedding: Partial<EmbeddingOptimizer>;
  readonly spec?: TranslationSpec;
  /** Of the translated table. */
  readonly rows: number;
  /** Puts every row of a translated table or of its state, as the identity has them, where the translation has it. */
  readonly rowOf?: (id: number) => number;
  readonly threads?: number;
}

/** A model to train and to predict with, both by one translation. */
class Run {
  readonly parameters: Parameters;
  readonly translations = new Map<string, Translation>();
  private readonly training;
  private readonly inference;
  private readonly scalars;

  constructor({ backend, embedding, spec, rows, rowOf, threads }: Setup) {
    const optimizers = optimizerSchema.parse({ dense: { kind: "adam" }, embedding });
    const features = featuresOf(rows, spec !== undefined);
    const l2 = l2Schema.parse({ embedding: 1e-3, rows: "touched" });
    const graph = trainingGraph({ model: MODEL, features }, { optimizers, l2, weighted: false });
    const forward = inferenceGraph({ model: MODEL, features });
    this.parameters = new Parameters(backend, [...parametersOf(graph), ...parametersOf(forward)]);
    this.parameters.initialize(3);
    if (rowOf) this.place(backend, rows, rowOf);
    if (spec) this.translations.set("item", backend.translation(spec));
    const options = { maxBatch: BATCH, threads: threads ?? 2, translations: this.translations };
    this.training = backend.compile(graph, this.parameters.memory, options);
    this.inference = backend.compile(forward, this.parameters.memory, options);
    this.scalars = learningRates(optimizers).map(({ name, base }) => [name, base] as const);
  }

  train(count = ROWS, start = 0): void {
    const steps = Math.ceil(count / BATCH);
    const scalars = new Map(this.scalars.map(([name, base]) => [name, new Float32Array(steps).fill(base)]));
    this.training.runSync({ ...REQUEST, start, count, firstStep: start / BATCH, scalars });
  }

  predict(): Float32Array {
    return this.inference.runSync({ ...REQUEST, scalars: new Map() }).get(LOGITS)!;
  }

  weights(): Map<string, number[]> {
    return new Map([...this.parameters.memory].map(([name, memory]) => [name, Array.from(valuesOf(memory))]));
  }

  /** The initial row of id i moves to row `rowOf(i)`; other rows are zero. */
  private place(backend: Backend, rows: number, rowOf: (id: number) => number): void {
    const identity = new Run({ backend, embedding: { kind: "sgd" }, rows: IDS });
    for (const [name, memory] of this.parameters.memory) {
      const from = identity.parameters.memory.get(name);
      if (TABLES.test(name) && from) memory.write(0, moved(from, rows, rowOf));
    }
  }
}

function moved(from: Memory, rows: number, rowOf: (id: number) => number): Float32Array {
  const dim = from.elements / IDS;
  const values = valuesOf(from);
  const to = new Float32Array(rows * dim);
  for (let id = 0; id < IDS; id++) to.set(values.subarray(id * dim, (id + 1) * dim), rowOf(id) * dim);
  return to;
}

/** The weights of a run with ids as rows are those of a translated one: table rows and their states by id. */
function expectSameById(
  identity: Run,
  translated: Run,
  rows: number,
  rowOf: ReadonlyMap<number, number>,
): void {
  const got = translated.weights();
  for (const [name, expected] of identity.weights()) {
    const values = got.get(name)!;
    if (!TABLES.test(name)) {
      expect(values, name).toEqual(expected);
      continue;
    }
    const dim = expected.length / IDS;
    expect(values.length).toBe(rows * dim);
    for (const [id, row] of rowOf)
      expect(values.slice(row * dim, (row + 1) * dim), `${name}, id ${id}`).toEqual(
        expected.slice(id * dim, (id + 1) * dim),
      );
  }
}

const OPTIMIZERS = EMBEDDING_OPTIMIZERS.map(({ schema }) => ({ kind: schema.shape.kind.value }));

const PERMUTATION = Array.from({ length: IDS }, (_, id) => (id * 11 + 13) % IDS);

/** Ids in the order in which training meets them: sample after sample, in each the item, then what was seen. */
const MET = [...new Set(Array.from(ITEM, (id, b) => [id, ...SEEN[b]]).flat())];
const FIRST_COME = new Map(MET.map((id, i) => [id, i + 1]));

describe.each(BACKENDS)("translations on $name", ({ use }) => {
  it.each(OPTIMIZERS)("a permutation of rows permutes what $kind trains", (embedding) => {
    const backend = use();
    const identity = new Run({ backend, embedding, rows: IDS });
    const spec = { kind: "permutation", rows: PERMUTATION } as const;
    const translated = new Run({ backend, embedding, spec, rows: IDS, rowOf: (id) => PERMUTATION[id] });
    for (const run of [identity, translated]) run.train();
    expectSameById(identity, translated, IDS, new Map(PERMUTATION.entries()));
    expect(translated.predict()).toEqual(identity.predict());
  });

  it.each(OPTIMIZERS)(
    "ids that get rows as they come train as they would in their own, $kind",
    (embedding) => {
      const backend = use();
      const rows = IDS + 1;
      const identity = new Run({ backend, embedding, rows: IDS });
      const rest = Array.from({ length: IDS }, (_, id) => id).filter((id) => !FIRST_COME.has(id));
      const rowOf = (id: number): number => FIRST_COME.get(id) ?? MET.length + 1 + rest.indexOf(id);
      const translated = new Run({ backend, embedding, spec: { kind: "firstCome", rows }, rows, rowOf });
      for (const run of [identity, translated]) run.train();
      expectSameById(identity, translated, rows, FIRST_COME);
      expect(translated.predict()).toEqual(identity.predict());
      expect(Array.from(translated.translations.get("item")!.state(), Number)).toEqual(MET);
    },
  );

  it("has the same bits for any number of threads", () => {
    const [one, ...others] = [1, 2, 3, 4].map((threads) => {
      const spec = { kind: "firstCome", rows: IDS + 1 } as const;
      const run = new Run({ backend: use(), embedding: { kind: "adam" }, spec, rows: IDS + 1, threads });
      run.train();
      return run;
    });
    for (const run of others) {
      expect(run.weights()).toEqual(one.weights());
      expect(run.translations.get("item")!.state()).toEqual(one.translations.get("item")!.state());
    }
  });

  it("refuses the step in which a table is full, and leaves all as the step before left it", () => {
    const full = firstStep(MET[MET.length - 1]);
    expect(full).toBeGreaterThan(0);
    const rows = MET.length;
    const make = () =>
      new Run({ backend: use(), embedding: { kind: "adam" }, spec: { kind: "firstCome", rows }, rows });
    const [stopped, failed] = [make(), make()];
    stopped.train(full * BATCH);
    expect(() => failed.train()).toThrow(new RegExp(`translation item, step ${full}: the table is full`));
    expect(failed.weights()).toEqual(stopped.weights());
    expect(failed.translations.get("item")!.state()).toEqual(stopped.translations.get("item")!.state());
    expect(failed.predict()).toEqual(stopped.predict());
  });

  it("goes on from a saved state as if it had never stopped", () => {
    const spec = { kind: "firstCome", rows: IDS + 1 } as const;
    const make = () => new Run({ backend: use(), embedding: { kind: "adagrad" }, spec, rows: IDS + 1 });
    const [whole, first, second] = [make(), make(), make()];
    whole.train();
    first.train(2 * BATCH);
    for (const [name, memory] of first.parameters.memory)
      second.parameters.memory.get(name)!.copyFrom(memory);
    second.translations.get("item")!.restore(first.translations.get("item")!.state());
    second.train(ROWS - 2 * BATCH, 2 * BATCH);
    expect(second.weights()).toEqual(whole.weights());
    expect(second.translations.get("item")!.state()).toEqual(whole.translations.get("item")!.state());
  });

  it("gives ids without a row the row 0 in prediction, and changes nothing", () => {
    const translation = use().translation({ kind: "firstCome", rows: 4 });
    translation.restore(BigInt64Array.of(7n, 2n ** 40n));
    expect(translation.translate(BigInt64Array.of(2n ** 40n, 5n, 7n))).toEqual(Float64Array.of(2, 0, 1));
    expect(translation.state()).toEqual(BigInt64Array.of(7n, 2n ** 40n));
    expect(() => translation.restore(BigInt64Array.of(1n, 2n, 3n, 4n))).toThrow(/the table is full/);
    expect(() => translation.restore(BigInt64Array.of(1n, 1n))).toThrow(/another translation/);
    expect(translation.translate(BigInt64Array.of(7n, 1n))).toEqual(Float64Array.of(1, 0));
  });
});

/** The step in which training meets an id. */
function firstStep(id: number): number {
  const row = ITEM.findIndex((item, b) => item === id || SEEN[b].includes(id));
  return Math.floor(row / BATCH);
}
