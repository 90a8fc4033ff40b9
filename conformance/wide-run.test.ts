import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Backend, Memory } from "../src/backends/backend.js";
import { findLatest } from "../src/checkpoint/index.js";
import { rangesOf } from "../src/checkpoint/table-layout.js";
import type { ColumnSet } from "../src/columns/columns.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { type PreparedData, prepareData } from "../src/data/index.js";
import type { FittedFeatures } from "../src/features/fitted.js";
import { streamOf } from "../src/layers/scope.js";
import { EMBEDDING_OPTIMIZERS } from "../src/ops/embedding-optimizers/index.js";
import { draw, drawKey } from "../src/random.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { fittedFeatureInfos } from "../src/train/feature-info.js";
import { rateScalars } from "../src/train/learning-rates.js";
import { elementsOf } from "../src/train/parameter-memory.js";
import { inferenceGraph, LOGITS, parametersOf, trainingGraph } from "../src/train/step/model-graphs.js";
import { specOf, trainingSettingsOf } from "../src/train/step/model-spec.js";
import { learningRates } from "../src/train/step/optimizer-groups.js";
import { Trainer } from "../src/train/trainer.js";
import { BACKENDS } from "./backends.js";

/*
 * Ids above 2^31, from the rows of a source to the rows of a table, train as the same data with small ids: to the bit.
 */

const folder = mkdtempSync(join(tmpdir(), "pairloom-wide-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

type Row = Readonly<Record<string, unknown>>;
const IDS = 24;
const WIDE_IDS = 2 ** 31 + 1000;
const BATCH = 32;

/** Ascending, so that wide and narrow ids of a batch are sorted in the same order: half of them spread, half of them the last ones. */
const wideId = (id: number) => (id < IDS / 2 ? id * 70_000_001 : WIDE_IDS - IDS + id);
const narrowId = (id: number) => id;

function rowsOf(count: number, stream: number, idOf: (id: number) => number): Row[] {
  const key = drawKey(11, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const id = (n: number) => draw(key, 8 * i + n) % IDS;
    const seen = Array.from({ length: id(1) % 4 }, (_, n) => idOf(id(2 + n)));
    return { item: idOf(id(0)), seen, word: `word ${id(6)}`, y: (id(0) + id(7)) % 3 === 0 ? 1 : 0 };
  });
}

interface Prepared extends PreparedData {
  readonly config: Config;
  readonly validRows: readonly Row[];
}

async function prepare(wide: boolean, sections: { model: object; embedding: object }): Promise<Prepared> {
  const idOf = wide ? wideId : narrowId;
  const buckets = wide ? WIDE_IDS : IDS;
  const validRows = rowsOf(60, 2, idOf);
  const config = resolveConfig({
    data: {
      train: { rows: rowsOf(300, 1, idOf) },
      valid: { rows: validRows },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "item", buckets, embedding: "things", missing: "refuse" },
      { kind: "ids", name: "seen", buckets, embedding: "things" },
      { kind: "id", name: "word", hash: wide ? 2 ** 40 - 2 : 2 ** 31, missing: "refuse" },
    ],
    model: sections.model,
    train: {
      ...{ batchSize: BATCH, epochs: 2, seed: 5, threads: 2 },
      optimizer: { dense: { kind: "adam", learningRate: 0.01 }, embedding: sections.embedding },
    },
  });
  return { ...(await prepareData(config)), config, validRows };
}

function at(memory: Memory, index: number): number {
  const value = new Float32Array(1);
  memory.read(index, value);
  return value[0];
}

/** Kernels only see rows: one instruction set stands for all. */
describe.each(BACKENDS.slice(0, 2))("ids above 2^31 with a translation to few rows on $name", ({ use }) => {
  const features = ["item", "seen", "word"];
  const sections = {
    model: {
      kind: "deepfm",
      embeddingDim: 4,
      wide: { features },
      deep: { features, mlp: { hiddenUnits: [8] } },
    },
    embedding: { kind: "adam", learningRate: 0.05 },
  };

  /** The features with rows that are given to ids as they come: the order of ids does not matter. */
  function firstCome({ features }: PreparedData): FittedFeatures {
    const translated = features.features.map((feature) =>
      feature.kind === "number"
        ? feature
        : { ...feature, rows: 40, translation: { kind: "firstCome" as const, rows: 40, ids: feature.rows } },
    );
    return { ...features, features: translated };
  }

  async function run(wide: boolean) {
    const { config, splits, validRows, ...rest } = await prepare(wide, sections);
    const runDir = join(folder, `run-${runs++}`);
    const options = { config, features: firstCome({ splits, ...rest }), ...splits, backend: use(), runDir };
    const trainer = new Trainer({ ...options, train: splits.train });
    await trainer.run();
    const checkpoint = (await findLatest(runDir, { checksums: true })).checkpoint!;
    const model = await openModel(checkpoint, { backend: use(), maxBatch: 64, threads: 2 });
    return {
      kinds: [...splits.train.columns].flatMap(([name, column]) =>
        column.kind === "number"
          ? []
          : [`${name}: ${(column.kind === "id" ? column.data : column.values).constructor.name}`],
      ),
      tables: checkpoint.manifest.tables.flatMap(rangesOf),
      evaluation: await trainer.evaluate(checkpoint, splits.valid!),
      predicted: await new Predictor(model).logits(validRows),
    };
  }

  it("trains, saves, evaluates and predicts like small ids", async () => {
    const [wide, narrow] = [await run(true), await run(false)];
    const kinds = (array: string) => ["item", "word", "seen"].map((name) => `${name}: ${array}`).sort();
    expect(wide.kinds.sort()).toEqual(kinds("BigInt64Array"));
    expect(narrow.kinds.sort()).toEqual(kinds("Int32Array"));
    expect(wide.tables).toEqual(narrow.tables);
    expect(wide.tables.length).toBeGreaterThan(3);
    expect(wide.evaluation).toEqual(narrow.evaluation);
    expect(wide.predicted).toEqual(narrow.predicted);
    expect(new Set(wide.predicted).size).toBeGreaterThan(30);
  });
});

/**
 * The reference backend keeps a parameter in one array, which is too short. Here only the pages of rows that occur take
 * memory: the weights of a logistic regression, and all states, begin as zeros.
 */
describe.each(BACKENDS.slice(1, 2))("a table of more than 2^31 rows on $name", ({ use }) => {
  const model = { kind: "logisticRegression", features: ["item", "seen"] };

  function allocate(backend: Backend, prepared: Prepared) {
    const spec = specOf(prepared.config, fittedFeatureInfos(prepared.features));
    const graph = trainingGraph(spec, trainingSettingsOf(prepared.config));
    const forward = inferenceGraph(spec);
    const memory = new Map<string, Memory>();
    for (const attrs of [...parametersOf(graph), ...parametersOf(forward)]) {
      if (memory.has(attrs.name)) continue;
      memory.set(attrs.name, backend.allocate(elementsOf(attrs), attrs.dtype));
      memory.get(attrs.name)!.fill(attrs.init, 5, streamOf(attrs.name));
    }
    return { graph, forward, memory };
  }

  async function run(wide: boolean, embedding: object) {
    const prepared = await prepare(wide, { model, embedding });
    const { train, valid } = prepared.splits;
    const backend = use();
    const { graph, forward, memory } = allocate(backend, prepared);
    const rowOf = wide ? wideId : narrowId;
    // LARS never changes a row of zeros.
    for (let id = 0; id < IDS; id++)
      memory.get("linear.things.weight")!.write(rowOf(id), Float32Array.of((id + 1) / 100));
    const steps = Math.ceil(train.rows / BATCH);
    const { optimizer } = prepared.config.train;
    const request = ({ columns, rows }: ColumnSet) => ({
      ...{ columns, rows, start: 0, count: rows, batch: BATCH, seed: 5, firstStep: 0 },
      scalars: rateScalars(learningRates(optimizer), {}, { step: 0, epoch: 0 }, steps),
    });
    await backend.compile(graph, memory, { maxBatch: BATCH, threads: 2 }).run(request(train));
    const scores = await backend
      .compile(forward, memory, { maxBatch: BATCH, threads: 2 })
      .run(request(valid!));
    const tables = [...memory].filter(([name]) => name.startsWith("linear.things"));
    return {
      names: tables.map(([name]) => name),
      rows: tables.map(([, table]) => Array.from({ length: IDS }, (_, id) => at(table, rowOf(id)))),
      elements: tables.map(([, { elements }]) => elements),
      logits: scores.get(LOGITS),
    };
  }

  it.each(EMBEDDING_OPTIMIZERS.map(({ schema }) => schema.shape.kind.value))(
    "trains like a small one: %s",
    async (kind) => {
      const embedding = { kind, learningRate: 0.1 };
      const [wide, narrow] = [await run(true, embedding), await run(false, embedding)];
      expect(wide.elements).toEqual(narrow.elements.map(() => WIDE_IDS));
      expect(wide.names).toEqual(narrow.names);
      expect(wide.rows).toEqual(narrow.rows);
      expect(wide.logits).toEqual(narrow.logits);
      expect(new Set(wide.rows[0]).size).toBeGreaterThan(IDS / 2);
    },
  );
});
