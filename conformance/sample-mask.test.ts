import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { Backend } from "../src/backends/backend.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { findLatest } from "../src/checkpoint/index.js";
import { checksumsOf } from "../src/checkpoint/testing.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { packRows } from "../src/features/encoder.js";
import { streamOf } from "../src/layers/scope.js";
import { draw, drawKey, drawUnit } from "../src/random.js";
import { Trainer, type TrainerOptions } from "../src/train/trainer.js";
import { ISAS, nativeOn } from "./backends.js";
import { trainerOptions } from "./trainer-options.js";

/* Training with masked samples equals training on rows that have no values in the masked samples. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-mask-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

const [ROWS, BATCH, SEED, RATE] = [300, 64, 5, 0.4];
type Row = Record<string, unknown>;

const key = drawKey(3, 1, 0);
const DATA: readonly Row[] = Array.from({ length: ROWS }, (_, i) => {
  const id = (n: number): number => draw(key, 32 * i + n) % 30;
  const items = Array.from({ length: id(0) % 6 }, (_, k) => id(8 + k));
  return {
    price: drawUnit(key, 32 * i + 1) * 90,
    scores: [id(1), id(2)],
    item: id(3),
    user: `u${id(4)}`,
    city: `c${id(5) % 7}`,
    tags: [id(6), id(7)].map((tag) => `${tag}:${1 + tag / 8}`),
    items,
    prices: items.map((each) => each / 3),
    y: (id(3) + items.length) % 3 === 0 ? 1 : 0,
  };
});

const HISTORY = ["items", "prices"];
const MASKED = ["price", "scores", "user", "city", "tags", ...HISTORY];

const FEATURES = [
  { kind: "number", name: "price", normalize: "zscore", missing: "mean" },
  { kind: "number", name: "scores", width: 2, missing: 3 },
  { kind: "id", name: "item", buckets: 30, missing: "refuse" },
  { kind: "id", name: "user", dynamic: { capacity: 28, evict: "lru" } },
  { kind: "id", name: "city", vocabulary: {} },
  { kind: "ids", name: "tags", vocabulary: {}, weighted: true, missing: { value: "4" } },
  { kind: "sequence", name: "items", sequence: "history", buckets: 30, embedding: "item" },
  { kind: "sequence", name: "prices", sequence: "history", number: { normalize: "zscore" } },
];

const din = { kind: "din", query: ["item"], columns: HISTORY, mlp: { hiddenUnits: [5] } };
const MODEL = {
  kind: "mlp",
  features: ["price", "scores", "item", "user", "city", "tags"],
  sequences: [din],
  embeddingDim: 4,
  mlp: { hiddenUnits: [7], dropout: 0.2 },
};

function configOf(train: object): Config {
  return resolveConfig({
    data: { train: { rows: DATA }, label: "y", cacheDir: join(folder, "cache") },
    features: FEATURES,
    model: MODEL,
    train: { batchSize: BATCH, epochs: 1, shuffle: false, seed: SEED, ...train },
  } as never);
}

/** The rows, without the values of masked samples. */
function maskedRows(): Row[] {
  return DATA.map((row, i) => {
    const step = Math.floor(i / BATCH);
    const drawn = draw(drawKey(SEED, streamOf("sampleMask"), step), i % BATCH);
    if (drawn >= RATE * 2 ** 32) return row;
    return { ...row, ...Object.fromEntries(MASKED.map((name) => [name, null])) };
  });
}

async function trained(options: TrainerOptions) {
  await new Trainer(options).run();
  const { checkpoint } = await findLatest(options.runDir, { checksums: true });
  return checksumsOf(checkpoint!.manifest);
}

const optionsOf = (train: object, backend: Backend) =>
  trainerOptions(configOf(train), { backend, runDir: join(folder, `run-${runs++}`) });

const BACKENDS = [referenceBackend, ...ISAS.slice(0, 1).map((isa) => nativeOn(isa))];

describe.each(BACKENDS)("masked samples on $name", (backend) => {
  it("train as rows without these values, with the same bits for any number of threads", async () => {
    const plain = await optionsOf({}, backend);
    const rows = maskedRows();
    const share = rows.filter(({ city }) => city === null).length / ROWS;
    expect(Math.abs(share - RATE)).toBeLessThan(0.1);
    const expected = await trained({ ...plain, train: packRows(plain.features, rows, { label: "y" }) });
    for (const threads of [1, 3]) {
      const masked = await optionsOf({ threads, sampleMask: { rate: RATE, features: MASKED } }, backend);
      expect(await trained(masked)).toEqual(expected);
    }
    expect(await trained(await optionsOf({}, backend))).not.toEqual(expected);
  });
});

describe("a mask of samples", () => {
  const refusal = (features: string[], more = {}): unknown => {
    try {
      configOf({ sampleMask: { rate: 0.1, features }, ...more });
    } catch (error) {
      return (error as { report: unknown }).report;
    }
    return undefined;
  };

  it("names features that exist, and all columns of a sequence", () => {
    expect(refusal(["city", "town"])).toMatchObject({ where: "train.sampleMask.features[1]", got: "town" });
    expect(refusal(["city", "items"])).toMatchObject({ where: "train.sampleMask.features[1]", got: "items" });
    expect(refusal(["item"], { loss: { kind: "jrc", session: "item" } })).toMatchObject({
      where: "train.sampleMask.features[0]",
    });
  });

  it("refuses a feature without a value for missing ones", async () => {
    const options = await optionsOf(
      { sampleMask: { rate: 0.1, features: ["city", "item"] } },
      referenceBackend,
    );
    await expect(new Trainer(options).run()).rejects.toThrow("train.sampleMask.features[1]");
  });
});
