import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { PairloomError } from "../errors.js";
import { load } from "../serve/load.js";
import { Trainer } from "../train/trainer.js";
import { changed, changesOf, type Json, type Path, pathsIn, valueAt } from "./testing.js";

/**
 * Checkpoints changed by somebody who computes the checksums again, so that only their content can be refused. Every
 * member of a manifest gets values of other types, sizes and ranges, is left out, and gets members of its own. Each of
 * these loads and predicts like the original, or is refused with an error of Pairloom.
 */

/** One of this number of changes is tried. The long form: `EVERY=1 npx vitest run src/saved/forged.test.ts --testTimeout 3600000`. */
const EVERY = Number(process.env.EVERY ?? 23);

const folder = mkdtempSync(join(tmpdir(), "pairloom-forged-"));
afterAll(() => rmSync(folder, { recursive: true }));

/** A small tokenizer: its words are of the titles. */
const vocab = { "[UNK]": 0, red: 1, shoe: 2, "0": 3 };
const model = { type: "WordPiece", unk_token: "[UNK]", continuing_subword_prefix: "##", vocab };
const steps = {
  normalizer: null,
  pre_tokenizer: { type: "Whitespace" },
  post_processor: null,
  decoder: null,
};
writeFileSync(join(folder, "tokenizer.json"), JSON.stringify({ added_tokens: [], ...steps, model }));

const ROWS = Array.from({ length: 60 }, (_, i) => ({
  user: `u${i % 7}`,
  item: i % 5,
  price: i % 11 === 0 ? null : i / 3,
  age: i % 40,
  point: [i % 3, i % 4],
  tags: ["a", "b", "c"].slice(i % 3),
  liked: { a: 0.5, b: i % 2 },
  title: `red shoe ${i % 4}`,
  y: i % 7 < 3 === i % 5 < 2 ? 1 : 0,
}));

const CONFIG = {
  data: { train: { rows: ROWS }, valid: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
  features: [
    { kind: "id", name: "user", vocabulary: { minCount: 1 } },
    { kind: "id", name: "item", buckets: 5, outOfRange: "bucket" },
    { kind: "id", name: "both", columns: ["user", "item"], hash: 11 },
    { kind: "id", name: "twin", column: "user", embedding: "user", vocabulary: { minCount: 1 } },
    { kind: "number", name: "price", normalize: "zscore" },
    { kind: "number", name: "age", boundaries: [10, 20, 30] },
    { kind: "number", name: "range", column: "price", boundaries: { quantiles: 4 } },
    { kind: "number", name: "binned", column: "price", denseEmbedding: { kind: "piecewiseLinear", bins: 4 } },
    { kind: "number", name: "point", width: 2 },
    { kind: "number", name: "twice", column: "age", normalize: { expression: "x * 2" } },
    { kind: "ids", name: "tags", vocabulary: ["a", "b"], synonyms: { c: "a" }, pooling: "mean" },
    { kind: "ids", name: "liked", weighted: true, hash: 7 },
    { kind: "combo", name: "crossed", inputs: ["user", "tags"], hash: 13 },
    { kind: "tokenize", name: "pieces", input: "title", tokenizer: { file: join(folder, "tokenizer.json") } },
    { kind: "tokenize", name: "words", input: "title", vocabulary: { minCount: 1 } },
    {
      kind: "expression",
      name: "sum",
      expression: "a + b",
      variables: { a: "age", b: { feature: "price" } },
    },
    { kind: "targetMean", name: "rate", columns: ["user", "item"] },
    { kind: "lookup", name: "like", map: "liked", key: "tags" },
  ],
  model: {
    kind: "dlrm",
    embeddingDim: 4,
    dense: { features: ["price", "point", "twice", "sum", "like", "rate"], mlp: { hiddenUnits: [8, 4] } },
    sparse: {
      features: [
        "user",
        "item",
        "both",
        "twin",
        "age",
        "range",
        "binned",
        "tags",
        "liked",
        "crossed",
        "words",
        "pieces",
      ],
    },
    final: { hiddenUnits: [8] },
  },
  train: {
    batchSize: 16,
    threads: 1,
    optimizer: { embedding: { kind: "rowWiseAdagrad", learningRate: 0.1 } },
  },
};

let dir: string;
let manifest: { [key: string]: Json };
let original: Float32Array;
const predict = async () => (await load(dir, { backend: "reference" })).predict(ROWS);

beforeAll(async () => {
  const config = resolveConfig(CONFIG);
  const { features, splits } = await prepareData({ data: config.data, features: config.features });
  const { backend } = chooseBackend();
  const runDir = join(folder, "run");
  const { checkpoint } = await new Trainer({ config, features, ...splits, backend, runDir }).run();
  dir = checkpoint.dir;
  manifest = JSON.parse(readFileSync(join(dir, "manifest.json"), "utf8"));
  delete manifest.sha256;
  original = await predict();
});

/** Computes the checksum again, like a program that writes checkpoints. */
function sign(forged: Json): void {
  const text = JSON.stringify(forged);
  const sha256 = createHash("sha256").update(text).digest("hex");
  writeFileSync(join(dir, "manifest.json"), JSON.stringify({ ...JSON.parse(text), sha256 }));
}

const LEARNED_RANGE = CONFIG.features.findIndex(({ name }) => name === "range");

/** What training has learned, and what the config alone says: a change there is another model, not a broken one. */
const MAY_PREDICT_OTHERWISE = [
  /^config\./,
  /^features\.vocabularies\./,
  /^features\.(nullValues|tokenizers|targetMeans)/,
  /^features\.features\.\d+\.edges/,
  new RegExp(`^features\\.features\\.${LEARNED_RANGE}\\.mapping\\.boundaries`),
  /^features\.features\.\d+\.(transform\.(shift|scale)|missing|missingRow)$/,
];

/** What is wrong with how this forgery loads; undefined if it is refused, or predicts like the original. */
async function faultOf(path: Path): Promise<string | undefined> {
  try {
    const predictions = await predict();
    if (MAY_PREDICT_OTHERWISE.some((pattern) => pattern.test(path.join(".")))) return undefined;
    return Buffer.compare(Buffer.from(predictions.buffer), Buffer.from(original.buffer)) === 0
      ? undefined
      : "predicts otherwise";
  } catch (error) {
    return error instanceof PairloomError ? undefined : String((error as Error).stack).slice(0, 300);
  }
}

describe("a manifest that is changed and signed again", () => {
  it("is refused, or predicts like the original", async () => {
    const forgeries = [...pathsIn(manifest)].flatMap((path) => {
      const value = valueAt(manifest, path);
      return [...changesOf(value)].map((change) => ({ path, change }));
    });
    expect(forgeries.length).toBeGreaterThan(5000);
    const faults: string[] = [];
    for (let i = EVERY >> 1; i < forgeries.length; i += EVERY) {
      const { path, change } = forgeries[i];
      sign(changed(manifest, path, change));
      const fault = await faultOf(path);
      if (fault) faults.push(`${path.join(".")} = ${JSON.stringify(change)?.slice(0, 60)}: ${fault}`);
    }
    expect(faults).toEqual([]);
  });
});

it.each<[string[], Json, RegExp]>([
  [["features", "vocabularies", "tags"], ["b", "a"], /vocabularies.tags\[0\][\s\S]*got: +"b"[\s\S]*"a"/],
  [["features", "vocabularies", "tags"], ["a", "b", "x"], /rows|vocabularies.tags\[2\]/],
  [
    ["config", "features", "10", "vocabulary"],
    ["b", "a"],
    /vocabularies.tags\[0\][\s\S]*got: +"a"[\s\S]*"b"/,
  ],
  [["features", "nullValues"], ["a"], /nullValues[\s\S]*got: +\["a"\]/],
  [["features", "decimal"], ",", /decimal/],
  [["features", "trim"], true, /trim/],
  [["features", "types"], { price: "DOUBLE" }, /types.price[\s\S]*"?no type/],
  [["features", "textTypes"], { user: "DOUBLE" }, /textTypes.user[\s\S]*no type/],
])("a manifest with %j = %j, which its config does not state, is refused", async (path, value, message) => {
  sign(changed(manifest, path, value));
  await expect(predict()).rejects.toThrow(message);
});

describe("a manifest with a very long list of faults", () => {
  const MANY = 300_000;

  it.each<[string, () => Json, RegExp]>([
    ["tables", () => ({ ...manifest, tables: Array(MANY).fill({}) }), /tables/],
    [
      "files",
      () => ({
        ...manifest,
        files: Object.fromEntries(Array.from({ length: MANY }, (_, i) => [`f${i}`, {}])),
      }),
      /files/,
    ],
    ["fitted features", () => changed(manifest, ["features", "features"], Array(MANY).fill({})), /features/],
    [
      "features of the config",
      () => changed(manifest, ["config", "features"], Array(MANY).fill({ kind: "x" })),
      /features/,
    ],
  ])("is refused with a short message: %s", async (_, forge, message) => {
    sign(forge());
    const error = await predict().catch((thrown) => thrown);
    expect(error).toBeInstanceOf(PairloomError);
    expect(error.message).toMatch(message);
    expect(error.message.length).toBeLessThan(1000);
  });
});

describe("tensors that are changed and signed again", () => {
  /** The model file with another header; without ranges of tables, one checksum covers a file. */
  function signFile(header: Json, data: Uint8Array): void {
    const json = Buffer.from(JSON.stringify(header));
    const length = Buffer.alloc(8);
    length.writeBigUInt64LE(BigInt(json.length));
    const file = Buffer.concat([length, json, data]);
    writeFileSync(join(dir, "model.safetensors"), file);
    const entry = (bytes: Uint8Array) => ({
      bytes: bytes.length,
      sha256: createHash("sha256").update(bytes).digest("hex"),
    });
    const optimizer = readFileSync(join(dir, "optimizer.safetensors"));
    sign({
      ...manifest,
      tables: [],
      files: { "model.safetensors": entry(file), "optimizer.safetensors": entry(optimizer) },
    });
  }

  it("are refused, or predict like the original", async () => {
    const file = readFileSync(join(dir, "model.safetensors"));
    const end = 8 + Number(file.readBigUInt64LE());
    const header = JSON.parse(file.toString("utf8", 8, end)) as { [key: string]: Json };
    const data = file.subarray(end);
    signFile(header, data);
    expect(await faultOf([])).toBeUndefined();
    const forgeries = [...pathsIn(header)].flatMap((path) =>
      [...changesOf(valueAt(header, path))].map((change) => ({ path, change })),
    );
    const faults: string[] = [];
    for (let i = EVERY >> 1; i < forgeries.length; i += EVERY) {
      const { path, change } = forgeries[i];
      signFile(changed(header, path, change), data);
      const fault = await faultOf([]);
      if (fault) faults.push(`${path.join(".")} = ${JSON.stringify(change)?.slice(0, 60)}: ${fault}`);
    }
    writeFileSync(join(dir, "model.safetensors"), file);
    expect(faults).toEqual([]);
  });
});
