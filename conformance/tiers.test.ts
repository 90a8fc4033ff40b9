import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import type { Backend, Memory, Translation } from "../src/backends/backend.js";
import { nativeBackend } from "../src/backends/native/backend.js";
import type { Column } from "../src/columns/columns.js";
import type { Numbers } from "../src/half.js";
import { kindOf } from "../src/kinds.js";
import { streamOf } from "../src/layers/scope.js";
import { modelSchema } from "../src/models/index.js";
import type { FeatureInfo } from "../src/models/model.js";
import { loadAddon } from "../src/native/addon.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import type { ParameterAttrs } from "../src/ops/sources.js";
import { LEARNING_RATES } from "../src/train/step/apply-optimizers.js";
import { inferenceGraph, parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { l2Schema, optimizerSchema } from "../src/train/step/optimizers.js";

const { addon } = loadAddon();
const directory = mkdtempSync(join(tmpdir(), "tiers-"));
afterAll(() => rmSync(directory, { recursive: true }));

const TABLE = 300;
const ROWS = 240;
const BATCH = 16;

/** Room for some rows more than a batch has. */
const BYTES = 9_000;

type Settings = { dtype?: "fp32" | "fp16" | "bf16"; optimizer: string; clip?: object };

function featuresOf({ dtype }: Settings, translated: boolean): FeatureInfo[] {
  const table = { table: "item", rows: TABLE, dtype, ...(translated && { translation: { ids: TABLE } }) };
  return [
    { kind: "id", name: "item", ...table },
    { kind: "ids", name: "seen", pooling: "mean", ...table },
    { kind: "id", name: "user", table: "user", rows: 30 },
  ];
}

function specOf(settings: Settings, translated: boolean) {
  const features = featuresOf(settings, translated);
  const names = features.map(({ name }) => name);
  const model = modelSchema.parse({
    kind: "deepfm",
    wide: { features: names },
    deep: { features: names, mlp: { hiddenUnits: [5] } },
    embeddingDim: 6,
  });
  return { model, features };
}

function columns(): Map<string, Column> {
  const skewed = (i: number, limit: number) =>
    Math.floor(limit * ((Math.sin(i * 12.9898) * 43758.5453) % 1) ** 4);
  const ids = (count: number, limit: number) =>
    Int32Array.from({ length: count }, (_, i) => Math.abs(skewed(i + limit, limit)) % limit);
  const offsets = BigUint64Array.from({ length: ROWS + 1 }, (_, b) => BigInt(2 * b));
  const weights = Float32Array.from({ length: 2 * ROWS }, (_, i) => ((i % 5) + 1) / 4);
  const label = Float32Array.from({ length: ROWS }, (_, b) => b % 2);
  return new Map<string, Column>([
    ["item", { kind: "id", data: ids(ROWS, TABLE), offset: 0, stride: 1 }],
    ["user", { kind: "id", data: ids(ROWS, 30), offset: 0, stride: 1 }],
    ["seen", { kind: "ids", values: ids(2 * ROWS, TABLE), offsets, weights }],
    ["@label", { kind: "number", data: label, offset: 0, stride: 1, width: 1 }],
  ]);
}

/** Memory for all parameters; those of the translated table are in a tier with this number of bytes. */
function allocate(backend: Backend, attrs: readonly ParameterAttrs[], bytes?: number) {
  const widthOf = ({ shape }: ParameterAttrs) => shape.slice(1).reduce((a, b) => a * b, 1);
  const tiered = attrs.filter(({ translation }) => translation !== undefined);
  const tier =
    bytes === undefined
      ? undefined
      : backend.tier!({
          rows: TABLE,
          memory: bytes,
          directory,
          columns: tiered.map((each) => ({ dtype: each.dtype ?? "fp32", width: widthOf(each) })),
        });
  const memories = new Map<string, Memory>(
    attrs.map((each) => {
      const size = each.shape.reduce((a, b) => a * b, 1);
      const memory = tier?.memories[tiered.indexOf(each)] ?? backend.allocate(size, each.dtype);
      memory.fill(each.init, 3, streamOf(each.name));
      return [each.name, memory];
    }),
  );
  return { tier, memories };
}

function train(settings: Settings, { bytes, threads = 2 }: { bytes?: number; threads?: number }) {
  const backend = nativeBackend(addon!);
  const spec = specOf(settings, bytes !== undefined);
  const optimizers = optimizerSchema.parse({
    dense: { kind: "sgd" },
    embedding: { kind: settings.optimizer },
  });
  const update = { optimizers, l2: l2Schema.parse({}), clip: settings.clip as never, weighted: false };
  const graph = trainingGraph(spec, update);
  const attrs = [...new Map(parametersOf(graph).map((each) => [each.name, each])).values()];
  const { tier, memories } = allocate(backend, attrs, bytes);
  const translation = backend.translation({ kind: "quotient", by: 1, rows: TABLE });
  tier?.put(translation);
  const translations = new Map<string, Translation>([["item", translation]]);
  const program = backend.compile(graph, memories, { maxBatch: BATCH, threads, translations });
  const run = (start: number, count: number) =>
    program.runSync({
      columns: columns(),
      rows: ROWS,
      start,
      count,
      batch: BATCH,
      shuffle: { seed: 5, epoch: 1 },
      seed: 1,
      firstStep: start / BATCH,
      scalars: new Map(
        Object.values(LEARNING_RATES).map((name) => [
          name,
          new Float32Array(Math.ceil(count / BATCH)).fill(0.05),
        ]),
      ),
    });
  const evaluated = backend.compile(inferenceGraph(spec), memories, {
    maxBatch: BATCH,
    threads,
    translations,
  });
  const logits = () => [
    ...evaluated
      .runSync({
        columns: columns(),
        rows: ROWS,
        start: 0,
        count: ROWS,
        batch: BATCH,
        seed: 0,
        firstStep: 0,
        scalars: new Map(),
      })
      .values(),
  ];
  return { tier, memories, run, logits };
}

const all = (memories: ReadonlyMap<string, Memory>) =>
  new Map([...memories].map(([name, memory]) => [name, Buffer.from(bytesOf(memory).buffer).toString("hex")]));

function bytesOf(memory: Memory): Numbers {
  const values =
    memory.dtype === "fp32" ? new Float32Array(memory.elements) : new Uint16Array(memory.elements);
  memory.read(0, values);
  return values;
}

const CLIP = { norm: 0.05, value: 0.01, embedding: "together" };
const KINDS = EMBEDDING_OPTIMIZERS.map(kindOf);
const SETTINGS: Settings[] = [
  ...KINDS.map((kind) => ({ optimizer: kind })),
  ...KINDS.map((kind) => ({ optimizer: kind, dtype: "bf16" as const, clip: CLIP })),
  { optimizer: "adam", dtype: "fp16", clip: CLIP },
];

it.each(SETTINGS.map((settings) => [JSON.stringify(settings), settings] as const))("%s", (_, settings) => {
  const plain = train(settings, {});
  plain.run(0, ROWS);
  const expected = all(plain.memories);
  const logits = plain.logits();
  for (const threads of [1, 2, 4]) {
    const bytes = settings.dtype ? 7_000 : BYTES;
    const { tier, memories, run, logits: evaluate } = train(settings, { bytes, threads });
    run(0, 2 * BATCH);
    const before = all(memories);
    evaluate();
    expect(all(memories)).toEqual(before);
    run(2 * BATCH, ROWS - 2 * BATCH);
    expect(evaluate()).toEqual(logits);
    expect(all(memories)).toEqual(expected);
    const { frames, reads, writes } = tier!.statistics();
    expect(frames).toBeLessThan(TABLE);
    expect(Math.min(reads, writes)).toBeGreaterThan(0);
  }
});

it("keeps what is written to it, wherever the rows are, and gathers rows in any order", () => {
  const { tier, memories, run } = train({ optimizer: "adam" }, { bytes: BYTES });
  run(0, ROWS);
  for (const memory of tier!.memories) {
    const values = bytesOf(memory);
    const width = memory.elements / TABLE;
    const part = values.slice(3, 200 * width + 1).map((x) => x / 2 + 1);
    memory.write(3, part);
    values.set(part, 3);
    expect(bytesOf(memory)).toEqual(values);
    const rows = Uint32Array.of(299, 0, 7, 7, 150);
    const gathered = new Float32Array(rows.length * width - 1);
    memory.gather(rows, width, 1, gathered);
    expect([...gathered]).toEqual(
      [...rows].flatMap((row) => [...values.slice(row * width, (row + 1) * width)]).slice(1),
    );
  }
  expect([...memories.values()].every((memory) => bytesOf(memory).every(Number.isFinite))).toBe(true);
});

it("marks the rows that training may have changed", () => {
  const { memories, run } = train({ optimizer: "sgd" }, { bytes: BYTES });
  const table = memories.get("embeddings.item.weight")!;
  table.trackChanges(6);
  const before = bytesOf(table);
  run(0, ROWS);
  const after = bytesOf(table);
  const marks = new Uint8Array(TABLE);
  table.readChanges(0, marks);
  const changed = Array.from(marks, (_, row) =>
    after.slice(row * 6, row * 6 + 6).some((x, d) => x !== before[row * 6 + d]),
  );
  expect(Array.from(marks, (mark) => mark > 0)).toEqual(changed);
});

it("gives rows of a dynamic table back to their keys when a step fails, and says when keys are of another table", () => {
  const backend = nativeBackend(addon!);
  const translation = backend.translation({
    kind: "dynamic",
    capacity: 60,
    evict: { kind: "lru" },
    unknown: "zero",
  });
  const columns = [4, 1].map((width) => ({ dtype: "fp32" as const, width }));
  const tier = backend.tier({ rows: 61, memory: 9_000, byKey: true, directory, columns });
  const init = { kind: "uniform" as const, low: -1, high: 1 };
  for (const [i, { width }] of columns.entries())
    translation.attach(tier.memories[i], { width, init, seed: 1, stream: i, weights: i === 0 });
  tier.put(translation);
  const keysFrom = (first: number, count: number) =>
    BigInt64Array.from({ length: count }, (_, i) => BigInt(first + i));
  const rows = Uint32Array.from(translation.insert(keysFrom(7, 50))).sort();
  tier.memories[0].scatter(
    rows,
    4,
    Float32Array.from({ length: 200 }, (_, i) => i),
  );
  const [before, keys] = [tier.memories.map(bytesOf), translation.keys()];
  expect([...before[0].subarray(4, 12)]).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(before[1].subarray(1, 51).every((x) => x !== 0)).toBe(true);
  expect(() => translation.insert(keysFrom(100, 90))).toThrow(/no room/);
  expect(translation.keys()).toEqual(keys);
  const after = tier.memories.map(bytesOf);
  columns.forEach(({ width }, i) => {
    expect(after[i].subarray(0, 51 * width)).toEqual(before[i].subarray(0, 51 * width));
  });
  expect(() => tier.put(backend.translation({ kind: "quotient", by: 1, rows: 61 }))).toThrow(/another kind/);
});

it("refuses memory without room for the rows of a batch, and for a single row", () => {
  const { memories, run } = train({ optimizer: "adam" }, { bytes: 2_600 });
  const before = all(memories);
  expect(() => run(0, ROWS)).toThrow(/the rows of a batch do not fit in the memory of their table/);
  expect(all(memories)).toEqual(before);
  expect(() => train({ optimizer: "adam" }, { bytes: 1_000 })).toThrow(/the memory for a table is too small/);
});

it("refuses a directory that it cannot write to", () => {
  const spec = { rows: 10, memory: 1e6, columns: [{ dtype: "fp32", width: 4 }] } as const;
  const backend = nativeBackend(addon!);
  expect(() => backend.tier({ ...spec, directory: join(directory, "none") })).toThrow(/cannot be created/);
  expect(() => backend.tier({ ...spec, directory: "/proc" })).toThrow(/cannot be created/);
});
