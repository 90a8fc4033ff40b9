import { describe, expect, it } from "vitest";
import type { Backend, DynamicTranslation, Memory, RunRequest } from "../src/backends/backend.js";
import { valuesOf } from "../src/backends/testing.js";
import type { Column } from "../src/columns/columns.js";
import type { RowInitializer } from "../src/graph/initializer.js";
import { type DynamicSpec, KEYS } from "../src/graph/translation.js";
import { widen } from "../src/half.js";
import { streamOf } from "../src/layers/scope.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import type { ParameterAttrs } from "../src/ops/sources.js";
import { draw, drawKey } from "../src/random.js";
import type { Clip } from "../src/train/step/clip.js";
import { inferenceGraph, LOGITS, parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { learningRates } from "../src/train/step/optimizer-groups.js";
import { type EmbeddingOptimizer, l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";
import { BACKENDS, ISAS, nativeOn } from "./backends.js";

/*
 * Models with a dynamic table: with a row for every key they train as with a fixed table, and whatever is evicted, all
 * backends, numbers of threads and resumed runs agree.
 */

const IDS = 60;
const ROWS = 96;
const BATCH = 16;
const SEED = 3;
const TABLE = /\.item\.weight/;

const key = drawKey(7, 1, 0);
const below = (index: number, limit: number): number => draw(key, index) % limit;
const ITEM = Array.from({ length: ROWS }, (_, b) => below(b, IDS));
/** Up to three ids a row, most of them small: ids repeat within a step and are new until late. */
const SEEN = Array.from({ length: ROWS }, (_, b) =>
  Array.from({ length: below(1000 + b, 4) }, (_, i) => below(2000 + 4 * b + i, 1 + below(9000 + b, IDS))),
);

/** @param keyOf the key of id i; without it the ids are rows */
function columnsOf(keyOf?: (id: number) => bigint): Map<string, Column> {
  const offsets = new BigUint64Array(ROWS + 1);
  for (const [b, bag] of SEEN.entries()) offsets[b + 1] = offsets[b] + BigInt(bag.length);
  const ids = (values: number[]) => (keyOf ? BigInt64Array.from(values, keyOf) : Int32Array.from(values));
  const values = SEEN.flat();
  const weights = Float32Array.from(values, (_, i) => (below(4000 + i, 5) + 1) / 4);
  const label = Float32Array.from({ length: ROWS }, (_, b) => below(5000 + b, 2));
  const user = Int32Array.from({ length: ROWS }, (_, b) => below(6000 + b, 12));
  return new Map<string, Column>([
    ["user", { kind: "id", data: user, offset: 0, stride: 1 }],
    ["item", { kind: "id", data: ids(ITEM), offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values: ids(values), offsets, weights }],
    ["@label", { kind: "number", data: label, offset: 0, stride: 1, width: 1 }],
  ]);
}

interface Setup {
  readonly backend: Backend;
  readonly embedding?: Partial<EmbeddingOptimizer>;
  readonly clip?: Clip;
  readonly dtype?: "fp32" | "fp16" | "bf16";
  /** Absent: a fixed table. */
  readonly spec?: DynamicSpec;
  readonly keyOf?: (id: number) => bigint;
  readonly threads?: number;
}

const MODEL = modelSchema.parse({
  kind: "deepfm",
  wide: { features: ["user", "item", "seen"] },
  deep: { features: ["user", "item", "seen"], mlp: { hiddenUnits: [6] } },
  embeddingDim: 5,
});

/** Two features share the table `item`, and the first-order weights of their ids have a table of that name too. */
function featuresOf({ spec, dtype }: Setup): FeatureInfo[] {
  const rows = spec ? spec.capacity + 1 : IDS;
  const item = { table: "item", rows, dtype, ...(spec && { translation: { ids: KEYS } }) };
  return [
    { kind: "id", name: "user", table: "user", rows: 12 },
    { kind: "id", name: "item", ...item },
    { kind: "ids", name: "seen", ...item, pooling: "mean" },
  ];
}

/** A model to train and to predict with, by the same table. */
class Run {
  readonly memory = new Map<string, Memory>();
  readonly table?: DynamicTranslation;
  private readonly training;
  private readonly inference;
  private readonly request;
  private readonly scalars;

  constructor(readonly setup: Setup) {
    const { backend, spec, keyOf = BigInt, clip, embedding = { kind: "adam" } } = setup;
    const optimizers = optimizerSchema.parse({ dense: { kind: "adam" }, embedding });
    const l2 = l2Schema.parse({ embedding: 1e-3, rows: "touched" });
    const model = { model: MODEL, features: featuresOf(setup) };
    const graph = trainingGraph(model, { optimizers, l2, clip, weighted: false });
    this.table = spec && backend.translation(spec, { seed: 9, stream: 4 });
    const forward = inferenceGraph(model);
    for (const attrs of [...parametersOf(graph), ...parametersOf(forward)]) this.start(attrs);
    const translations = new Map(this.table ? [["item", this.table]] : []);
    const options = { maxBatch: BATCH, threads: setup.threads ?? 2, translations };
    this.training = backend.compile(graph, this.memory, options);
    this.inference = backend.compile(forward, this.memory, options);
    const columns = columnsOf(spec && keyOf);
    this.request = { columns, rows: ROWS, batch: BATCH, seed: 5 } satisfies Partial<RunRequest>;
    this.scalars = learningRates(optimizers).map(({ name, base }) => [name, base] as const);
  }

  train(count = ROWS, start = 0): void {
    const steps = Math.ceil(count / BATCH);
    const scalars = new Map(this.scalars.map(([name, base]) => [name, new Float32Array(steps).fill(base)]));
    this.training.runSync({ ...this.request, start, count, firstStep: start / BATCH, scalars });
  }

  predict(): Float32Array {
    const request = { ...this.request, start: 0, count: ROWS, firstStep: 0, scalars: new Map() };
    return this.inference.runSync(request).get(LOGITS)!;
  }

  /** The numbers of a parameter; of the dynamic table and its states by key. */
  valuesByKey(name: string): Map<string, number[]> {
    const values = this.numbers(name);
    if (!TABLE.test(name)) return new Map([["", values]]);
    const { keys, rows } = this.table?.keys() ?? fixedRows();
    const width = values.length / (this.setup.spec ? this.setup.spec.capacity + 1 : IDS);
    return new Map(
      [...keys].map((k, i) => [String(k), values.slice(rows[i] * width, (rows[i] + 1) * width)]),
    );
  }

  everything(): Map<string, Map<string, number[]>> {
    return new Map([...this.memory.keys()].map((name) => [name, this.valuesByKey(name)]));
  }

  /** Another run that goes on from the state of this one. */
  resumed(): Run {
    const next = new Run(this.setup);
    next.table!.restore(this.table!.state());
    const [from, to] = [this.table!.keys(), next.table!.keys()];
    expect(to.keys).toEqual(from.keys);
    for (const [name, memory] of this.memory) {
      const other = next.memory.get(name)!;
      if (!TABLE.test(name)) {
        other.copyFrom(memory);
        continue;
      }
      const width = memory.elements / next.table!.rows;
      const values = valuesOf(memory);
      const rows = [[0, 0], ...Array.from(from.rows, (row, i) => [row, to.rows[i]])];
      for (const [old, row] of rows) other.write(row * width, values.slice(old * width, (old + 1) * width));
    }
    return next;
  }

  private start({ name, shape, dtype, init }: ParameterAttrs): void {
    if (this.memory.has(name)) return;
    const elements = shape.reduce((product, dim) => product * dim, 1);
    const memory = this.setup.backend.allocate(elements, dtype);
    this.memory.set(name, memory);
    const stream = streamOf(name);
    if (!this.table || !TABLE.test(name)) {
      memory.fill(init, SEED, stream);
      return;
    }
    const width = elements / shape[0];
    this.table.attach(memory, {
      width,
      init: init as RowInitializer,
      seed: SEED,
      stream,
      weights: !name.includes("/"),
    });
  }

  private numbers(name: string): number[] {
    const memory = this.memory.get(name)!;
    const values = valuesOf(memory);
    if (values instanceof Float32Array) return [...values];
    const wide = new Float32Array(values.length);
    widen(values, wide, memory.dtype as "fp16" | "bf16");
    return [...wide];
  }
}

function fixedRows() {
  const rows = Array.from({ length: IDS }, (_, id) => id);
  return { keys: BigInt64Array.from(rows, BigInt), rows };
}

function dynamic(capacity: number, rest: Partial<DynamicSpec> = {}): DynamicSpec {
  return { kind: "dynamic", capacity, growFrom: 4, evict: { kind: "never" }, unknown: "zero", ...rest };
}

const OPTIMIZERS = EMBEDDING_OPTIMIZERS.map(({ schema }) => ({ kind: schema.shape.kind.value }));
const FORMATS = ["fp32", "fp16", "bf16"] as const;
const CLIPS: readonly (Clip | undefined)[] = [
  undefined,
  { norm: 0.01, value: 0.003, embedding: "together" },
  { embedding: { norm: 0.005 } },
];

/** Keys of all kinds: negative, beyond 2^53, neighbours. */
const keyOf = (id: number): bigint =>
  BigInt.asIntN(64, id % 3 === 0 ? -BigInt(id) : BigInt(id) << BigInt(id % 59));
/** The kernels of the two add in other orders. */
const TOLERANCE = 1e-4;

describe.each(BACKENDS.slice(0, 2))("a model with a dynamic table on $name", ({ use }) => {
  it.each(OPTIMIZERS)("trains with $kind as with a fixed table, if every key has a row", (embedding) => {
    for (const [i, dtype] of FORMATS.entries()) {
      const clip = CLIPS[(i + OPTIMIZERS.indexOf(embedding)) % CLIPS.length];
      const setup = { backend: use(), embedding, clip, dtype };
      const [fixed, grown] = [new Run(setup), new Run({ ...setup, spec: dynamic(IDS) })];
      for (const run of [fixed, grown]) run.train();
      const got = grown.everything();
      for (const [name, expected] of fixed.everything())
        for (const [id, values] of got.get(name)!) expect(values, `${name}, ${id}`).toEqual(expected.get(id));
      expect(grown.predict()).toEqual(fixed.predict());
    }
  });

  it.each(SPECS())("goes on from a state at any step, $evict.kind, unknown: $unknown", (spec) => {
    for (const dtype of ["fp32", "bf16"] as const) {
      const setup = { backend: use(), dtype, clip: CLIPS[1], spec, keyOf };
      const whole = new Run(setup);
      whole.train();
      let parts = new Run(setup);
      for (let start = 0; start < ROWS; start += BATCH) {
        parts.train(BATCH, start);
        parts = parts.resumed();
      }
      expect(parts.everything()).toEqual(whole.everything());
      expect(parts.table!.state()).toEqual(whole.table!.state());
      expect(parts.predict()).toEqual(whole.predict());
    }
  });
});

function SPECS(): DynamicSpec[] {
  const normal = { kind: "normal", mean: 0, std: 0.3 } as const;
  return [
    dynamic(40, { evict: { kind: "lru" }, unknown: "shared", admit: { count: 2, counter: "exact" } }),
    dynamic(38, { evict: { kind: "lfu" } }),
    dynamic(40, { evict: { kind: "lfuDecay", halfLife: 1.5 }, unknown: normal, admit: { probability: 0.6 } }),
    dynamic(60, {
      evict: { kind: "age", steps: 1 },
      admit: { count: 2, counter: "bloom" },
      unknown: "shared",
    }),
    dynamic(60, { evict: { kind: "norm", below: 0.03, every: 2 }, unknown: normal }),
  ];
}

describe.runIf(ISAS.length > 0)("the native core", () => {
  it.each(SPECS())("agrees with the reference, $evict.kind, unknown: $unknown", (spec) => {
    for (const [i, embedding] of OPTIMIZERS.entries()) {
      if (i % SPECS().length !== SPECS().findIndex(({ evict }) => evict.kind === spec.evict.kind)) continue;
      const [reference, native] = [BACKENDS[0].use(), nativeOn(ISAS[0])].map((backend) => {
        const run = new Run({ backend, embedding, clip: CLIPS[i % CLIPS.length], spec, keyOf });
        run.train();
        return run;
      });
      expect(native.table!.state()).toEqual(reference.table!.state());
      expect(native.table!.statistics()).toEqual(reference.table!.statistics());
      expect(native.table!.statistics().evicted).toBeGreaterThan(0);
      const got = native.everything();
      for (const [name, expected] of reference.everything())
        for (const [k, values] of expected) {
          const apart = values.map((value, d) => Math.abs(value - got.get(name)!.get(k)![d]));
          expect(Math.max(...apart), `${name}, ${k}`).toBeLessThan(TOLERANCE);
        }
    }
  });

  it.each(SPECS())("has the same bits for any number of threads, $evict.kind", (spec) => {
    for (const dtype of ["fp32", "fp16"] as const) {
      const [one, ...others] = [1, 2, 4, 16].map((threads) => {
        const run = new Run({ backend: nativeOn(ISAS[0]), dtype, clip: CLIPS[1], spec, keyOf, threads });
        run.train();
        return run;
      });
      for (const run of others) {
        expect(run.everything()).toEqual(one.everything());
        expect(run.table!.state()).toEqual(one.table!.state());
        expect(run.predict()).toEqual(one.predict());
      }
    }
  });
});
