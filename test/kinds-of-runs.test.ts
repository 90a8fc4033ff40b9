import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../src/backends/choose.js";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { bytesOf } from "../src/checkpoint/dtypes.js";
import { stepName } from "../src/checkpoint/paths.js";
import type { BagColumn } from "../src/columns/columns.js";
import { resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import { EXPORT_FORMATS, FORMAT_NAMES } from "../src/export/formats.js";
import { largestDifference, type ScoredRows } from "../src/export/scored-rows.js";
import { createEncoder, type RawRow } from "../src/features/encoder.js";
import { narrow } from "../src/half.js";
import { TABLE_STORAGES, type TableStorage } from "../src/passes/store-tables.js";
import { quantizeRows } from "../src/quantized-rows.js";
import { findCheckpoint } from "../src/saved/find-checkpoint.js";
import { openModel, type TrainedModel } from "../src/saved/model.js";
import { load } from "../src/serve/load.js";
import { post, serveModels } from "../src/server/testing.js";
import { predictLogits } from "../src/train/evaluate.js";
import { trainerOf } from "../src/train/trainer-of.js";

/* What training can leave behind is served and exported, with the scores of the predictor. All models have a sequence. */

const runtime = await import("onnxruntime-node").catch(() => undefined);

const folder = mkdtempSync(join(tmpdir(), "pairloom-kinds-of-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const itemOf = (i: number) => `item ${(i * i) % 23}`;
/** Up to two items: with those of eight rows, at most as many as the smallest table has room for. */
const seenBefore = (i: number) => Array.from({ length: i % 3 }, (_, k) => itemOf(k));
/** With prices, up to two tags each, and times. */
const historyOf = (i: number) => {
  const seen = seenBefore(i);
  const tags = seen.map((_, k) => Array.from({ length: (i + k) % 3 }, (_, t) => `tag ${(i + t) % 4}`));
  return {
    seen,
    prices: seen.map((_, k) => k + i / 8),
    tags,
    times: seen.map((_, k) => 10 * k),
    now: 20 + i,
  };
};
const ROWS = Array.from({ length: 160 }, (_, i) => {
  return { item: itemOf(i), shop: i % 9, ...historyOf(i), y: i % 2 };
});
const ASKED = [1, 4, 9, 400].map((item, shop) => ({ item: `item ${item}`, shop, ...historyOf(shop) }));
const published = join(folder, "published");

/** Rows of as many numbers take less memory as integers, also those of 16-bit numbers. */
const DIM = 16;

/** A run, and where its versions are. */
async function trained(item: object, train: object = {}): Promise<string> {
  return trainedOn(ROWS, {
    features: [
      { kind: "id", name: "item", ...item },
      { kind: "id", name: "shop", buckets: 9 },
      { kind: "sequence", name: "seen", sequence: "clicks", embedding: "item", ...item },
      { kind: "sequence", name: "prices", sequence: "clicks", number: { normalize: "log" } },
      { kind: "entryBags", name: "tags", sequence: "clicks", pooling: "mean", ...item },
      { kind: "ages", name: "ages", sequence: "clicks", column: "times", time: "now" },
    ],
    model: {
      ...{ kind: "mlp", features: ["item", "shop"], embeddingDim: DIM, mlp: { hiddenUnits: [3] } },
      sequences: [
        {
          kind: "din",
          query: ["item"],
          columns: ["seen", "prices", "tags", "ages"],
          mlp: { hiddenUnits: [3] },
        },
      ],
    },
    train: { batchSize: 8, steps: 6, ...train },
  });
}

async function trainedOn(rows: readonly RawRow[], sections: object): Promise<string> {
  const data = { train: { rows }, label: "y", cacheDir: join(folder, "cache") };
  const config = resolveConfig({ data, ...sections });
  const { features, splits } = await prepareData(config);
  const runDir = mkdtempSync(join(folder, "run-"));
  await trainerOf({ config, features, train: splits.train, backend: chooseBackend().backend, runDir }).run();
  return runDir;
}

const KINDS: readonly [string, object, object?][] = [
  ["several seeds", { hash: 50 }, { seeds: 2 }],
  ["a dynamic table", { dynamic: { capacity: 10 } }],
  ["dynamic tables of several seeds", { dynamic: { capacity: 10 } }, { seeds: 2 }],
  ["a vocabulary with synonyms", { vocabulary: ["item 1", "item 2"], synonyms: { "item 4": "item 2" } }],
  ["a vocabulary that grows", { vocabulary: { grow: true } }],
  ["a table of 16-bit numbers", { hash: 50, dtype: "bf16" }],
  ["published versions", { dynamic: { capacity: 30 } }, { publish: { every: 2, to: published } }],
];
// The reference backend keeps no rows in files.
const STORED: typeof KINDS = [["a table larger than its memory", { hash: 5000, store: { memory: "10KB" } }]];

describe.each([...KINDS, ...(chooseBackend().backend.tier ? STORED : [])])(
  "a run with %s",
  (name, item, train) => {
    let path = "";
    beforeAll(async () => {
      const runDir = await trained(item, train);
      path = name === "published versions" ? published : runDir;
    });

    it("is served", async () => {
      const model = await load(path);
      const { url, server } = await serveModels([{ name: "main", path }], { follow: path === published });
      const predicted = await (await post(`${url}/v1/predict`, { rows: ASKED })).json();
      expect(predicted).toEqual({
        model: "main",
        version: stepName(model.step),
        scores: [...model.predict(ASKED)],
      });
      const times = { times: [2, 70], now: 80 };
      const tags = [["tag 1", "tag 9"], []];
      const context = { shop: 3, seen: ["item 4", "item 400"], prices: [1, null], tags, ...times };
      const request = { context, items: ASKED.map(({ item }) => ({ item })) };
      const { items } = await (await post(`${url}/v1/rank`, request)).json();
      const full = model.predict(ASKED.map(({ item }) => ({ item, ...context })));
      expect(items).toHaveLength(ASKED.length);
      for (const { index, score } of items) expect(Math.abs(score - full[index])).toBeLessThan(1e-6);
      void server.stop();
    });

    it.each(FORMAT_NAMES.filter((format) => format !== "onnx" || runtime))(
      "is exported as %s",
      async (format) => {
        const model = await opened(path);
        const [expected, rows] = await scoredRows(model);
        const { write, score } = EXPORT_FORMATS[format];
        const file = join(mkdtempSync(join(folder, "export-")), "model");
        await write(model, file, {});
        const exported = await score(model, file, rows);
        expect(largestDifference(exported, expected)).toBeLessThan(format === "onnx" ? 1e-5 : 1e-7);
      },
    );

    it.each(["int8", "fp16"] as const)("is a bundle with tables in %s, which is served", async (storage) => {
      const model = await opened(path);
      const bundle = join(mkdtempSync(join(folder, "export-")), "bundle");
      await EXPORT_FORMATS.bundle.write(model, bundle, { storage });
      const exact = (await load(path)).predict(ASKED);
      const { url, server } = await serveModels([{ name: "main", path: bundle }]);
      const { scores } = await (await post(`${url}/v1/predict`, { rows: ASKED })).json();
      expect(largestDifference(Float32Array.from(scores), exact)).toBeLessThan(0.01);
      void server.stop();
    });
  },
);

it.skipIf(!runtime)("a missing entry of a sequence is an empty text in ONNX", async () => {
  const histories = [["a", null, "b"], [null], [], ["b", "a"]];
  const rows = Array.from({ length: 80 }, (_, i) => ({ shop: i % 9, seen: histories[i % 4], y: i % 2 }));
  const runDir = await trainedOn(rows, {
    features: [
      { kind: "id", name: "shop", buckets: 9 },
      { kind: "sequence", name: "seen", vocabulary: {} },
    ],
    model: {
      ...{ kind: "mlp", features: ["shop"], embeddingDim: 2, mlp: { hiddenUnits: [3] } },
      sequences: [{ kind: "pooling", columns: ["seen"] }],
    },
    train: { batchSize: 16, steps: 6 },
  });
  const model = await opened(runDir);
  const [expected, scored] = await scoredRows(model, rows.slice(0, 4));
  const { write, score } = EXPORT_FORMATS.onnx;
  const folderOfExport = mkdtempSync(join(folder, "export-"));
  const file = join(folderOfExport, "model.onnx");
  await write(model, file);
  expect(largestDifference(await score(model, file, scored), expected)).toBeLessThan(1e-5);
  const { inputs } = JSON.parse(readFileSync(join(folderOfExport, "model.inputs.json"), "utf8"));
  const { values } = scored.columns.columns.get("seen") as BagColumn;
  const described = inputs.filter(({ feature }: { feature?: string }) => feature === "seen");
  expect(described.map(({ missing }: { missing: unknown }) => missing)).toEqual([values[1], values[1]]);
});

const opened = async (path: string) =>
  openModel(await findCheckpoint(path), { backend: chooseBackend().backend, maxBatch: 64, threads: 1 });

/** The logits of the rows that are asked for, and the rows as an export scores them. */
async function scoredRows(
  model: TrainedModel,
  rows: readonly RawRow[] = ASKED,
): Promise<[Float32Array, ScoredRows]> {
  const columns = createEncoder(model.features).encode(rows);
  const logits = await predictLogits(model.executable, columns, 1);
  return [logits, { columns, logits }];
}

/** The rows of a table as a bundle stores them. */
function storedAs(rows: Float32Array, storage: TableStorage): Float32Array | Uint16Array {
  if (storage === "int8" || storage === "int4")
    return quantizeRows(rows, { bits: storage === "int8" ? 8 : 4, dim: DIM });
  const halves = new Uint16Array(rows.length);
  narrow(rows, halves, storage);
  return halves;
}

describe.each(TABLE_STORAGES)("a bundle in %s", (storage) => {
  const bundleOf = async (item: object) => {
    const runDir = await trainedOn(ROWS, {
      features: [
        { kind: "id", name: "item", ...item },
        { kind: "id", name: "shop", buckets: 9 },
      ],
      model: { kind: "mlp", features: ["item", "shop"], embeddingDim: DIM, mlp: { hiddenUnits: [3] } },
      train: { batchSize: 8, steps: 6 },
    });
    const model = await opened(runDir);
    const path = join(mkdtempSync(join(folder, "export-")), "pruned");
    const files = await EXPORT_FORMATS.bundle.write(model, path, { storage });
    const weights = files.filter((file) => file.endsWith(".safetensors"));
    // All rows have at least half a byte a number.
    expect(weights.reduce((sum, file) => sum + statSync(file).size, 0)).toBeLessThan((5000 * DIM) / 2);
    return { model, path };
  };

  it("has no rows that training left as they were, and opens with them", async () => {
    const { model, path } = await bundleOf({ hash: 5000 });
    const { parameters } = await opened(path);
    for (const [name, own] of parameters) {
      if (!/^embeddings/.test(name)) continue;
      const exact = new Float32Array(model.parameters.get(name)!.elements);
      model.parameters.get(name)!.read(0, exact);
      const expected = storedAs(exact, storage);
      const found = own.dtype === "fp32" ? new Float32Array(own.elements) : new Uint16Array(own.elements);
      own.read(0, found);
      expect(Buffer.compare(bytesOf(found), bytesOf(expected))).toBe(0);
    }
  });

  it("draws them when they are looked up, where a table has a store", async () => {
    const { path } = await bundleOf({ hash: 5000, store: { memory: "10KB" } });
    const rows = ROWS.slice(0, 64).map(({ shop }, i) => ({ shop, item: `new ${i}` }));
    const [native, reference] = [chooseBackend().backend, referenceBackend].map(async (backend) => {
      const model = await openModel(await findCheckpoint(path), { backend, maxBatch: 64, threads: 1 });
      return (await scoredRows(model, rows))[0];
    });
    // One integer more or less would change them by 1e-5 at least.
    expect(largestDifference(await native, await reference)).toBeLessThan(2e-7);
  });
});
