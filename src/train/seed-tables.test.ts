import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import { type Checkpoint, findLatest } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { murmur3Wide } from "../murmur3.js";
import { exportTable } from "../run/table-file.js";
import { describeModel } from "../saved/model.js";
import { SavedTables } from "../saved/tables.js";
import { Trainer } from "./trainer.js";

/* `dynamic.seedFrom`: the vectors that training starts with are those of the file. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-seed-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const { use } = BACKENDS[1];
let runs = 0;

/** Trains a step with a rate so small that no weight changes. */
async function trained(
  file: string,
  dynamic: object = {},
  dtype?: string,
  model: object = { kind: "fm", features: ["item", "shop"] },
): Promise<Checkpoint> {
  const config = resolveConfig({
    data: {
      train: {
        rows: [
          { item: "x", shop: 0, y: 1 },
          { item: "new", shop: 1, y: 0 },
        ],
      },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "item", dtype, dynamic: { capacity: 6, seedFrom: file, ...dynamic } },
      { kind: "id", name: "shop", buckets: 2 },
    ],
    model: { ...model, embeddingDim: 2 },
    train: { batchSize: 2, steps: 1, optimizer: { embedding: { kind: "sgd", learningRate: 1e-37 } } },
  } as Parameters<typeof resolveConfig>[0]);
  const { features, splits } = await prepareData(config);
  const runDir = join(folder, `run-${runs++}`);
  await new Trainer({ config, features, train: splits.train, backend: use(), runDir }).run();
  return (await findLatest(runDir)).checkpoint!;
}

function file(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

const keyOf = (text: string) =>
  /^-?\d+$/.test(text)
    ? BigInt.asUintN(64, BigInt(text))
    : BigInt.asUintN(64, murmur3Wide(Buffer.from(text), 0, Buffer.byteLength(text)));

/** The vectors of a table, by key. */
async function vectorsOf(checkpoint: Checkpoint, table: string): Promise<Map<bigint, number[]>> {
  const model = await checkpoint.openModel();
  const keys = (await model.read(`${table}/keys`)) as BigUint64Array;
  const numbers = (await model.read(table)) as Float32Array;
  const dim = numbers.length / (keys.length + 1);
  await model.close();
  return new Map(Array.from(keys, (key, i) => [key, [...numbers.subarray((i + 1) * dim, (i + 2) * dim)]]));
}

const PAIRS = 'id,vector\nx,"[0.5, -1]"\n7,"0.25,1e3"\n-3," [0,0.125] "\n,"[1,1]"\n';

describe("a table that starts from vectors", () => {
  it.each([undefined, "bf16"])("has them, and draws those of other ids, dtype %s", async (dtype) => {
    const seeded = await trained(file("pairs.csv", PAIRS), {}, dtype);
    const vectors = await vectorsOf(seeded, "embeddings.item.weight");
    const given = { x: [0.5, -1], 7: [0.25, 1000], "-3": [0, 0.125] };
    for (const [id, vector] of Object.entries(given)) expect(vectors.get(keyOf(id))).toEqual(vector);
    expect(vectors.get(keyOf("new"))).toEqual(expect.arrayContaining([expect.any(Number)]));
    expect(vectors.size).toBe(4);
    expect((await vectorsOf(seeded, "linear.item.weight")).size).toBe(4);
  });

  it("has those of another table, as it was exported", async () => {
    const seeded = await trained(file("first.csv", PAIRS));
    const tables = await SavedTables.open(seeded, await describeModel(seeded), use());
    const path = join(folder, "exported.parquet");
    await exportTable(tables, tables.tables.find(({ name }) => name === "embeddings.item.weight")!, path);
    await tables.close();
    const [before, after] = await Promise.all(
      [seeded, await trained(path)].map((each) => vectorsOf(each, "embeddings.item.weight")),
    );
    expect(after).toEqual(before);
  });

  it("has the vectors of a file of two columns with other names", async () => {
    const vectors = await vectorsOf(
      await trained(file("two.csv", 'item,emb\nx,"1,2"\n')),
      "embeddings.item.weight",
    );
    expect(vectors.get(keyOf("x"))).toEqual([1, 2]);
  });

  it.each<[string, string, string, RegExp]>([
    ["another dim", "dim.csv", 'id,vector\nx,"[1,2,3]"\n', /id x[\s\S]*3 numbers[\s\S]*2 finite numbers/],
    ["no numbers", "words.csv", 'id,vector\nx,"[1,two]"\n', /id x[\s\S]*"\[1,two\]"/],
    ["an infinity", "infinite.csv", 'id,vector\nx,"[1,1e99]"\n', /id x[\s\S]*"\[1,1e99\]"[\s\S]*finite/],
    ["a number left out", "null.csv", 'id,vector\nx,"[1,null]"\n', /id x[\s\S]*"\[1,null\]"/],
    ["a truth value", "true.csv", 'id,vector\nx,"[1,true]"\n', /id x[\s\S]*"\[1,true\]"/],
    ["a list in a list", "nested.csv", 'id,vector\nx,"[[1],2]"\n', /id x[\s\S]*"\[\[1\],2\]"/],
    ["a key that is a word", "word-key.csv", 'key,vector\nx,"1,2"\n', /an id[\s\S]*x in[\s\S]*64 bits/],
    [
      "a key beyond 64 bits",
      "large-key.csv",
      'key,vector\n9223372036854775808,"1,2"\n',
      /an id[\s\S]*64 bits/,
    ],
    ["an id twice", "twice.csv", 'id,vector\nx,"1,2"\n7,"1,2"\nx,"3,4"\n', /twice[\s\S]*x in/],
    [
      "more ids than the capacity",
      "many.csv",
      `id,vector\n${[1, 2, 3, 4, 5, 6, 7].map((id) => `${id},"1,2"\n`).join("")}`,
      /more vectors[\s\S]*more than 6 ids/,
    ],
    ["an integer beyond all keys", "beyond.csv", 'id,vector\n9223372036854775808,"1,2"\n', /refuses an id/],
    [
      "other columns",
      "columns.csv",
      "a,b,c\n1,2,3\n",
      /has other columns[\s\S]*a VARCHAR, b VARCHAR, c VARCHAR/,
    ],
    ["another format", "vectors.json", "{}", /another format/],
  ])("is refused with %s", async (_, name, text, message) => {
    await expect(trained(file(name, text))).rejects.toThrow(message);
  });

  it("has them in all tables of the feature, which must have one dim", async () => {
    const group = { features: ["item", "shop"] };
    const modelOf = (embeddingDim: number) => ({
      ...{ kind: "xdeepfm", cin: { layers: [3] } },
      ...{ wide: { ...group, embeddingDim }, deep: { ...group, mlp: { hiddenUnits: [3] } } },
    });
    const path = file("groups.csv", 'id,vector\nx,"1,2"\n');
    const seeded = await trained(path, {}, undefined, modelOf(2));
    for (const table of ["embeddings", "wide_embeddings"])
      expect((await vectorsOf(seeded, `${table}.item.weight`)).get(keyOf("x"))).toEqual([1, 2]);
    await expect(trained(path, {}, undefined, modelOf(4))).rejects.toThrow(
      /different lengths[\s\S]*wide_embeddings\.item\.weight of dim 4/,
    );
  });

  it("is refused without the file", async () => {
    await expect(trained(join(folder, "nothing.parquet"))).rejects.toThrow(/seedFrom[\s\S]*nothing\.parquet/);
  });
});
