import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { referenceBackend } from "../src/backends/reference/backend.js";
import { findLatest } from "../src/checkpoint/index.js";
import type { BagColumn } from "../src/columns/columns.js";
import { type Config, resolveConfig } from "../src/config/config.js";
import { prepareData } from "../src/data/index.js";
import { Duck } from "../src/data/source/duckdb.js";
import { draw, drawKey } from "../src/random.js";
import { splitReports } from "../src/run/report.js";
import { openModel } from "../src/saved/model.js";
import { Predictor } from "../src/serve/predictor.js";
import { predictLogits } from "../src/train/evaluate.js";
import { Trainer } from "../src/train/trainer.js";
import { ISAS, nativeOn } from "./backends.js";
import { trainerOptions } from "./trainer-options.js";

/* Several ids in each entry of a sequence, in whole runs. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-entry-bags-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
let runs = 0;

interface Row {
  readonly item: number;
  readonly items: readonly number[];
  readonly tags: readonly (readonly string[])[];
  readonly y: number;
}

const key = drawKey(5, 1, 0);
const ROWS: readonly Row[] = Array.from({ length: 240 }, (_, i) => {
  const of = (n: number): number => draw(key, 128 * i + n);
  const items = Array.from({ length: of(0) % 7 }, (_, k) => of(1 + k) % 9);
  const tags = items.map((_, k) =>
    Array.from({ length: of(10 + k) % 4 }, (_, t) => `t${of(20 + 9 * k + t) % 6}`),
  );
  return { item: of(120) % 9, items, tags, y: tags.flat().includes("t1") ? 1 : 0 };
});

const MAX = 5;
const FEATURES = [
  { kind: "id", name: "item", buckets: 9 },
  { kind: "sequence", name: "items", sequence: "clicks", buckets: 9, embedding: "item", max: MAX },
  { kind: "entryBags", name: "tags", sequence: "clicks", max: MAX, pooling: "mean", vocabulary: {} },
];
const mlp = { hiddenUnits: [6] };
const columns = ["items", "tags"];

function configOf(
  train: object = {},
  { rows = ROWS as readonly object[], source = {}, features = FEATURES as readonly object[] } = {},
): Config {
  return resolveConfig({
    data: { train: { rows, ...source }, label: "y", cacheDir: join(folder, "cache") },
    features,
    model: {
      kind: "mlp",
      features: ["item"],
      embeddingDim: 4,
      sequences: [
        { kind: "pooling", columns: ["tags", "items"], pooling: "sum" },
        { kind: "din", query: ["item"], columns, mlp },
      ],
      mlp,
    },
    train: { batchSize: 64, epochs: 2, ...train },
  } as never);
}

const backend = ISAS.length > 0 ? nativeOn(ISAS[0]) : referenceBackend;

async function trained(config: Config, using = backend) {
  const options = await trainerOptions(config, { backend: using, runDir: join(folder, `run-${runs++}`) });
  await new Trainer(options).run();
  const { checkpoint } = await findLatest(options.runDir, { checksums: true });
  return { checkpoint: checkpoint!, splits: (await prepareData(config)).splits };
}

describe("bags within entries", () => {
  it("are pooled in their entries, in training, in files and in requests", async () => {
    const { checkpoint, splits } = await trained(configOf());
    const model = await openModel(checkpoint, { backend, maxBatch: 256, threads: 2 });
    const logits = await predictLogits(model.executable, splits.train, 1);
    const predictor = new Predictor<Row>(model);
    expect(predictor.logits(ROWS)).toEqual(logits);
    expect(new Set(logits).size).toBeGreaterThan(100);
    const { items, tags } = ROWS.find((row) => row.items.length > MAX)!;
    const candidates = Array.from({ length: 9 }, (_, item) => ({ item }));
    const expected = predictor.predict(candidates.map((candidate) => ({ ...candidate, items, tags, y: 0 })));
    for (const { index, score } of predictor.rank({
      user: { items, tags } as never,
      items: candidates as never,
    }))
      expect(Math.abs(score - expected[index])).toBeLessThan(1e-6);
  });

  it("of one id each are a column of ids, bit for bit", async () => {
    const rows = ROWS.map((row) => ({ ...row, tags: row.items.map((item) => [`t${item % 6}`]) }));
    const single = rows.map((row) => ({ ...row, tags: row.tags.flat() }));
    const column = { kind: "sequence", name: "tags", sequence: "clicks", max: MAX, vocabulary: {} };
    const [bags, ids] = await Promise.all([
      trained(configOf({ threads: 3 }, { rows })),
      trained(configOf({ threads: 1 }, { rows: single, features: [...FEATURES.slice(0, 2), column] })),
    ]);
    const logits = async ({ checkpoint, splits }: typeof bags) => {
      const model = await openModel(checkpoint, { backend, maxBatch: 256, threads: 2 });
      return predictLogits(model.executable, splits.train, 1);
    };
    expect(await logits(bags)).toEqual(await logits(ids));
  });

  it("train as the reference does", async () => {
    const all = await Promise.all(
      [backend, referenceBackend].map((each) => trained(configOf({ steps: 4, epochs: undefined }), each)),
    );
    const [native, reference] = await Promise.all(
      all.map(async ({ checkpoint, splits }) => {
        const model = await openModel(checkpoint, { backend: referenceBackend, maxBatch: 256, threads: 1 });
        return predictLogits(model.executable, splits.train, 1);
      }),
    );
    for (const [i, logit] of native.entries()) expect(Math.abs(logit - reference[i])).toBeLessThan(1e-5);
  });

  it("are the same in rows, in JSON, in Parquet, and in texts with separators", async () => {
    const json = join(folder, "rows.jsonl");
    writeFileSync(json, ROWS.map((row) => JSON.stringify(row)).join("\n"));
    const parquet = join(folder, "rows.parquet");
    const duck = await Duck.open(folder);
    await duck.run(`COPY (SELECT * FROM read_json('${json}')) TO '${parquet}' (FORMAT parquet)`, "test");
    await duck.close();
    const quoted = (value: unknown) => `"${JSON.stringify(value).replaceAll('"', '""')}"`;
    const csvOf = (tagsOf: (tags: Row["tags"]) => string) =>
      [
        "item,items,tags,y",
        ...ROWS.map(({ item, items, tags, y }) => `${item},${quoted(items)},${tagsOf(tags)},${y}`),
      ].join("\n");
    const texts = join(folder, "texts.csv");
    writeFileSync(
      texts,
      csvOf((tags) => `"${tags.map((each) => each.join("|") || "|").join(",")}"`),
    );
    const lists = join(folder, "lists.csv");
    writeFileSync(lists, csvOf(quoted));
    const columnOf = async (source: object) => {
      const { splits } = await prepareData(configOf({}, { source }));
      const { values, offsets, weights } = splits.train.columns.get("tags") as BagColumn;
      return { values: [...values], offsets: [...offsets], weights: [...weights!] };
    };
    const expected = await columnOf({});
    const last = ROWS[ROWS.length - 1].tags.slice(-MAX);
    expect(expected.weights.slice(Number(expected.offsets[ROWS.length - 1]))).toEqual(
      last.flatMap((ids, place) => ids.map(() => place)),
    );
    for (const path of [json, parquet, lists, texts])
      expect(await columnOf({ rows: undefined, path })).toEqual(expected);
  });

  it("are aligned with the other columns of their sequence", async () => {
    const odd = [{ ...ROWS[0], items: [1, 2], tags: [["t1"]] }];
    const { train } = splitReports(await prepareData(configOf({}, { rows: [...ROWS, ...odd] })));
    expect(train.reasons).toEqual({ "tags: a sequence whose columns have different numbers of entries": 1 });
    const cut = ROWS.reduce((sum, { items }) => sum + Math.max(0, items.length - MAX), 0);
    expect(train.cutEntries).toEqual({ items: cut, tags: cut });
  });

  it("need a column with one value in each entry, and the same maximum", () => {
    const model = (sequences: object[]) => ({
      kind: "mlp",
      features: ["item"],
      embeddingDim: 4,
      sequences,
      mlp,
    });
    const resolve = (more: object) => () => resolveConfig({ ...configOf(), ...more });
    expect(resolve({ model: model([{ kind: "pooling", columns: ["tags"] }]) })).toThrow(
      "model.sequences[0].columns",
    );
    expect(resolve({ model: { kind: "mlp", features: ["tags"], mlp } })).toThrow("the bags of a sequence");
    const features = FEATURES.map((feature) => (feature.name === "tags" ? { ...feature, max: 2 } : feature));
    expect(resolve({ features })).toThrow("features[2].max");
  });
});
