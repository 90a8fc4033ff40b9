import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { z } from "zod";
import type { Backend } from "../src/backends/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { type Checkpoint, findLatest } from "../src/checkpoint/index.js";
import { checksumsOf } from "../src/checkpoint/testing.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import type { FeatureInput } from "../src/features/schema/features.js";
import { kindOf } from "../src/kinds.js";
import { mlpSchema } from "../src/layers/mlp.js";
import { modelSchema } from "../src/models/index.js";
import { featureGroup } from "../src/models/schema.js";
import { sectionOf } from "../src/models/testing.js";
import { draw, drawKey } from "../src/random.js";
import { splitReports } from "../src/run/report.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { predictLogits } from "../src/train/evaluate.js";
import { Trainer, type TrainerOptions } from "../src/train/trainer.js";
import type { TrainingEvent } from "../src/train/training-event.js";
import { ISAS, nativeOn } from "./backends.js";
import { trainerOptions } from "./trainer-options.js";

/* Sequences in whole runs: from rows over training to scores, in every group that takes their vectors. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-sequences-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

const IDS = 30;
type Row = Record<string, unknown>;
type Json = Record<string, unknown>;

/** A click depends on whether the item is among the last two of the history. */
function rowsOf(count: number, stream: number): Row[] {
  const key = drawKey(11, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const id = (n: number): number => draw(key, 64 * i + n) % IDS;
    const items = Array.from({ length: id(0) % 9 }, (_, k) => id(2 + k) % 8);
    const item = id(1) % 8;
    const shops = items.map((each) => each % 5);
    return { item, shop: item % 5, items, shops, y: items.slice(-2).includes(item) ? 1 : 0 };
  });
}

const TRAIN = rowsOf(300, 1);
const VALID = rowsOf(90, 2);

const FEATURES: readonly FeatureInput[] = [
  { kind: "id", name: "item", buckets: IDS, missing: "bucket" },
  { kind: "id", name: "shop", hash: 20, missing: "bucket" },
  { kind: "sequence", name: "items", sequence: "history", buckets: IDS, embedding: "item", max: 6 },
  { kind: "sequence", name: "shops", sequence: "history", hash: 20, embedding: "shop", max: 6 },
];

const mlp = { hiddenUnits: [6] };
const DIN = { kind: "din", query: ["item", "shop"], columns: ["items", "shops"], mlp };
const SEQUENCES = [
  DIN,
  { kind: "dotAttention", query: ["item"], columns: ["items"] },
  { kind: "pooling", columns: ["shops"] },
  { ...DIN, kind: "multiWindowDin", windows: [2, 3] },
  { kind: "selfAttention", columns: ["items"], dim: 4, heads: 2, positions: "last" },
];
const FIELDS = [{ ...DIN, query: ["item"], columns: ["items"] }, SEQUENCES[1], SEQUENCES[4]];
const features = ["item", "shop"];
const SECTIONS = new Map(
  modelSchema.options.map((schema) => [kindOf({ schema }), sectionWithSequences(schema)]),
);
/** The models that take sequences, with {@link FIELDS} wherever they do. */
const MODELS = [...SECTIONS.keys()].filter((kind) =>
  JSON.stringify(SECTIONS.get(kind)).includes('"sequences"'),
);

/** Only required keys, and sequences; the smallest of what is allowed. */
function sectionWithSequences(schema: z.ZodType): Json {
  return sectionOf(schema, {
    pick: (first) => first,
    isSet: (key) => key === "sequences",
    valueOf: (key, asked) => {
      if (asked === featureGroup) return features;
      if (asked === mlpSchema) return { hiddenUnits: [4] };
      if (asked instanceof z.ZodString) return "item";
      return key === "sequences" ? FIELDS : undefined;
    },
  }) as Json;
}

/** A model with every kind of encoder. */
const EVERY = { kind: "deepfm", wide: { features }, deep: { features, sequences: SEQUENCES, mlp } };

function configOf(model: object, train: object = {}, rows: readonly Row[] = TRAIN): Config {
  return configWith(model, { train: { rows }, valid: { rows: VALID } }, FEATURES, train);
}

function configWith(model: object, data: object, features: readonly object[], train: object = {}): Config {
  return resolveConfig({
    data: { ...data, label: "y", cacheDir: join(folder, "cache") },
    features,
    model: { ...model, embeddingDim: 4 },
    train: { batchSize: 64, epochs: 2, seed: 5, threads: 2, ...train },
  } as never);
}

const optionsOf = (config: Config, backend: Backend, more: Partial<TrainerOptions> = {}) =>
  trainerOptions(config, { backend, runDir: join(folder, `run-${runs++}`), ...more });

async function newest({ runDir }: TrainerOptions): Promise<Checkpoint> {
  return (await findLatest(runDir, { checksums: true })).checkpoint!;
}

async function trained(config: Config, backend: Backend): Promise<Checkpoint> {
  const options = await optionsOf(config, backend);
  await new Trainer(options).run();
  return newest(options);
}

const backend = ISAS.length > 0 ? nativeOn(ISAS[0]) : referenceBackend;

/** The rows of training without their histories, and the histories as events of a user for each row. */
const WITH_EVENTS = {
  rows: TRAIN.map(({ items, shops, ...row }, user) => ({ ...row, user, at: 100 })),
  events: { history: { rows: TRAIN.flatMap(eventsOf), by: "user", time: "at", max: 6 } },
};

const FROM_EVENTS = FEATURES.map((feature) =>
  feature.kind === "sequence" ? { ...feature, column: `history.${feature.name}` } : feature,
);

function eventsOf({ items, shops }: Row, user: number): Row[] {
  return (items as number[]).map((item, at) => ({ user, at, items: item, shops: (shops as number[])[at] }));
}

describe.each([...MODELS, "every encoder"])("sequences of %s", (kind) => {
  const section = SECTIONS.get(kind) ?? EVERY;

  it("score requests as rows of files, and candidates of one user as rows", async () => {
    const config = configOf(section);
    const model = await openModel(await trained(config, backend), { backend, maxBatch: 256, threads: 2 });
    const { splits } = await prepareData(config);
    const logits = await predictLogits(model.executable, splits.valid!, 1);
    const predictor = new Predictor<Row>(model);
    expect(predictor.logits(VALID)).toEqual(logits);
    expect(new Set(logits).size).toBeGreaterThan(40);
    const { items, shops } = VALID.find((row) => (row.items as number[]).length > 3)!;
    const candidates = Array.from({ length: 8 }, (_, item) => ({ item, shop: item % 5 }));
    const rows = candidates.map((candidate) => ({ ...candidate, items, shops }));
    const expected = predictor.predict(rows);
    for (const { index, score } of predictor.rank({ user: { items, shops }, items: candidates }))
      expect(Math.abs(score - expected[index])).toBeLessThan(1e-6);
  });

  it("are the same, to the byte, where they are built from a table of events", async () => {
    const lists = configWith(section, { train: { rows: TRAIN } }, FEATURES);
    const events = configWith(section, { train: WITH_EVENTS }, FROM_EVENTS);
    const [expected, got] = [await trained(lists, backend), await trained(events, backend)];
    const tensors = ({ files }: Checkpoint["manifest"]) => files["model.safetensors"];
    expect(tensors(got.manifest)).toEqual(tensors(expected.manifest));
  });
});

describe("a model with sequences", () => {
  it("that stops and goes on ends with the bytes of one that did not, on any number of threads", async () => {
    const config = configOf(EVERY, { checkpoint: { every: 1, keep: 50 } });
    const expected = checksumsOf((await trained(config, backend)).manifest);
    for (const [step, threads] of [
      [1, 1],
      [4, 3],
    ]) {
      const controller = new AbortController();
      let saved = 0;
      const listener = ({ kind }: TrainingEvent) => {
        if (kind === "checkpointed" && ++saved === step) controller.abort();
      };
      const own = configOf(EVERY, { checkpoint: { every: 1, keep: 50 }, threads });
      const options = await optionsOf(own, backend, { listener, signal: controller.signal });
      await new Trainer(options).run();
      const { listener: _, signal: __, ...rest } = options;
      await new Trainer({ ...rest, config, resume: true }).run();
      expect(checksumsOf((await newest(options)).manifest)).toEqual(expected);
    }
  });

  it("quarantines rows whose columns are misaligned, and reports the entries that are cut", async () => {
    const odd = { item: 1, shop: 1, items: [1, 2], shops: [1], y: 0 };
    const long = {
      item: 1,
      shop: 1,
      items: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      shops: [1, 2, 3, 4, 5, 6, 7, 8, 9],
      y: 1,
    };
    const short = TRAIN.filter(({ items }) => (items as []).length <= 6);
    const config = configOf(EVERY, {}, [...short, odd, long, long]);
    const { train } = splitReports(await prepareData(config));
    expect(train.quarantined).toBe(1);
    expect(Object.keys(train.reasons)).toEqual([
      "shops: a sequence whose columns have different numbers of entries",
    ]);
    expect(train.cutEntries).toEqual({ items: 6, shops: 6 });
  });
});
