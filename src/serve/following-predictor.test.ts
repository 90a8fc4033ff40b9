import {
  copyFileSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import {
  type CheckpointContent,
  findLatest,
  listCheckpoints,
  readCheckpoint,
  type TableContent,
  type TensorSource,
  writeCheckpoint,
} from "../checkpoint/index.js";
import { stepName } from "../checkpoint/paths.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { Trainer } from "../train/trainer.js";
import type { FollowingPredictor } from "./following-predictor.js";
import { load } from "./load.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-following-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 160 }, (_, i) => ({ item: (i * i) % 23, shop: i % 9, y: i % 2 }));
const REQUEST = [3, 17, 21].map((item, shop) => ({ item, shop }));

const configOf = (steps: number, to: string, seed = 0) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", dynamic: { capacity: 30 } },
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: { kind: "fm", features: ["item", "shop"], embeddingDim: 2 },
    train: { batchSize: 16, steps, seed, publish: { every: 3, to, keep: 100, full: { every: 3 } } },
  });

let prepared: PreparedData;
beforeAll(async () => {
  prepared = await prepareData(configOf(1, folder));
});

/** Trains up to a step, and publishes each third state. */
async function publish(name: string, steps: number, resume = false, seed = 0): Promise<string> {
  const to = join(folder, `${name}-versions`);
  const { features, splits } = prepared;
  const options = { config: configOf(steps, to, seed), features, train: splits.train, resume };
  const { backend } = chooseBackend();
  await new Trainer({ ...options, backend, runDir: join(folder, name) }).run();
  return to;
}

const dirOf = (path: string, step: number) => join(path, "checkpoints", stepName(step));

/** Copies a version, which appears at once. */
function copyVersion(from: string, step: number, to: string): void {
  const copy = join(to, "copy");
  cpSync(dirOf(from, step), copy, { recursive: true });
  mkdirSync(join(to, "checkpoints"), { recursive: true });
  renameSync(copy, dirOf(to, step));
}

/** Writes changes to the version of step 12, with the given number of new keys in each table of items. */
async function forge(to: string, step: number, keysOf: (table: number) => number): Promise<void> {
  const base = await readCheckpoint(dirOf(to, 12));
  const file = await base.openModel();
  const tensor = async (name: string): Promise<[string, TensorSource]> => {
    const { dtype, shape } = file.tensors.get(name)!;
    return [name, { dtype: dtype as "F32", shape, data: (await file.read(name)) as Float32Array }];
  };
  const model = new Map(
    await Promise.all([...file.tensors.keys()].filter((name) => !name.endsWith("/keys")).map(tensor)),
  );
  let grown = 0;
  const tables = base.manifest.tables.map(({ name, rows, capacity, dim }): TableContent => {
    const count = capacity === undefined ? 0 : keysOf(grown++);
    const height = count + (capacity === undefined ? 0 : 1);
    model.set(name, { dtype: "F32", shape: [height, dim], data: new Float32Array(height * dim) });
    const keys = BigUint64Array.from({ length: count }, (_, i) => BigInt(100_352 + i));
    return capacity === undefined
      ? { name, states: [], rows, keys }
      : { name, states: [], capacity, keys, deleted: new BigUint64Array(0) };
  });
  await file.close();
  const { manifest } = base;
  await writeCheckpoint(to, {
    ...manifest,
    step,
    model,
    optimizer: new Map(),
    tables,
    changesTo: base,
  } as CheckpointContent);
}

async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await new Promise((resolve) => setTimeout(resolve, 5));
}

/** What a predictor gives that loads the newest version once. */
async function expectNewest(followed: FollowingPredictor<Record<string, unknown>>, to: string) {
  const once = await load(to);
  expect(followed.step).toBe(once.step);
  expect(followed.version).toBe((await findLatest(to)).checkpoint!.name);
  expect(followed.predict(REQUEST)).toEqual(once.predict(REQUEST));
  expect(followed.logits(REQUEST)).toEqual(once.logits(REQUEST));
  expect(followed.predictLabels(REQUEST)).toEqual(once.predictLabels(REQUEST));
  expect(followed.predictOne(REQUEST[0])).toBe(once.predictOne(REQUEST[0]));
  expect(followed.translate("item", [3, 5, 400])).toEqual(once.translate("item", [3, 5, 400]));
  const { labels, outputs, features } = followed;
  expect({ labels, outputs, features }).toEqual({
    labels: once.labels,
    outputs: once.outputs,
    features: once.features,
  });
}

describe("load with follow", () => {
  it("uses each newer version, and `current` stays at the one that it is", async () => {
    const to = await publish("newer", 3);
    const followed = await load(to, { follow: { every: 5 } });
    await expectNewest(followed, to);
    const { current } = followed;
    const before = current.predict(REQUEST);
    await publish("newer", 9, true);
    await until(() => followed.step === 9);
    await expectNewest(followed, to);
    expect([current.step, current.predict(REQUEST)]).toEqual([3, before]);
    expect(followed.predict(REQUEST)).not.toEqual(before);
    await followed.close();
  });

  it("stays at its version after close, and where files are cut", async () => {
    const to = await publish("closed", 6);
    const followed = await load(to, { follow: true });
    const before = followed.predict(REQUEST);
    for (const { dir } of await listCheckpoints(to)) truncateSync(join(dir, "model.safetensors"), 10);
    expect(followed.predict(REQUEST)).toEqual(before);
    await followed.close();
    expect([followed.step, followed.predict(REQUEST)]).toEqual([6, before]);
  });

  it("refuses changes that are cut, of another run, out of order or forged by name, and stays at its version", async () => {
    const from = await publish("whole", 21);
    const other = await publish("other", 15, false, 5);
    const to = join(folder, "damaged");
    const put = (step: number, source = from) => copyVersion(source, step, to);
    put(3);
    const warnings: string[] = [];
    const warn = ({ message }: Error) => warnings.push(message);
    process.on("warning", warn);
    const followed = await load(to, { follow: { every: 2 } });
    const refuses = async (expected: RegExp, put: () => unknown) => {
      const before = [followed.version, followed.predict(REQUEST)];
      await put();
      await until(() => warnings.some((text) => expected.test(text)));
      expect([followed.version, followed.predict(REQUEST)]).toEqual(before);
    };
    await refuses(/step-00000006[\s\S]*another size[\s\S]*Going on with step-00000003/, () => {
      truncateSync(join(dirOf(from, 6), "model.safetensors"), 10);
      put(6);
    });
    await refuses(/changes to step-00000006, which cannot be used[\s\S]*another size/, () => put(9));
    put(12);
    await until(() => followed.step === 12);
    await refuses(/changes to step-00000015, which cannot be used[\s\S]*no such file/, () => put(18));
    await refuses(/step-00000015: [\s\S]*changes to another checkpoint/, () => put(15, other));
    await refuses(/do not apply[\s\S]*keys of .*item.*room for 30/, () => forge(to, 16, () => 25));
    await refuses(/do not apply[\s\S]*item.weight and .*item.weight/, () => forge(to, 17, (i) => 1 + i));
    put(21);
    await until(() => followed.step === 21);
    await expectNewest(followed, to);
    process.off("warning", warn);
    await followed.close();
  });

  it("uses a version that is copied file by file, or repaired, and the changes to it, once all is there", async () => {
    const from = await publish("slow", 9);
    const to = join(folder, "copied");
    copyVersion(from, 3, to);
    const warnings: string[] = [];
    const warn = ({ message }: Error) => warnings.push(message);
    process.on("warning", warn);
    const followed = await load(to, { follow: { every: 2 } });
    const [whole, copied] = [dirOf(from, 6), dirOf(to, 6)];
    mkdirSync(copied);
    copyFileSync(join(whole, "manifest.json"), join(copied, "manifest.json"));
    await until(() => warnings.length === 1);
    writeFileSync(join(copied, "model.safetensors"), "only a part");
    copyVersion(from, 9, to);
    await until(() => warnings.some((text) => text.includes("step-00000009")));
    expect(followed.step).toBe(3);
    for (const name of readdirSync(whole)) copyFileSync(join(whole, name), join(copied, name));
    await until(() => followed.step === 9);
    await expectNewest(followed, to);
    process.off("warning", warn);
    await followed.close();
  });

  it("uses changes that appear before their base once the base is there, and warns of them once", async () => {
    const from = await publish("early", 9);
    const to = join(folder, "late");
    const put = (step: number) => copyVersion(from, step, to);
    put(3);
    const warnings: string[] = [];
    const warn = ({ message }: Error) => warnings.push(message);
    process.on("warning", warn);
    const followed = await load(to, { follow: { every: 2 } });
    put(9);
    await until(() => warnings.length > 0);
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(warnings).toEqual([
      expect.stringMatching(/changes to step-00000006, which cannot be used[\s\S]*step-00000003/),
    ]);
    expect(followed.step).toBe(3);
    put(6);
    await until(() => followed.step === 9);
    await expectNewest(followed, to);
    process.off("warning", warn);
    await followed.close();
  });

  it("refuses a directory without versions, a choice of another checkpoint, and wrong values", async () => {
    await expect(load(join(folder, "nothing"), { follow: true })).rejects.toThrow(/nothing/);
    const to = await publish("refused", 3);
    const refused = (options: object) => expect(load(to, options as { follow: true })).rejects;
    await refused({ follow: true, checkpoint: "best" }).toThrow(/follow uses the latest version/);
    await refused({ follow: true, checkpoint: 3 }).toThrow(/follow uses the latest version/);
    await refused({ follow: { every: 0 } }).toThrow(/follow/);
    await refused({ follow: "yes" }).toThrow(/follow/);
  });
});
