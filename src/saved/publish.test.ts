import { createHash } from "node:crypto";
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { type Checkpoint, findLatest, listCheckpoints } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { load } from "../serve/load.js";
import { LOGITS } from "../train/step/model-graphs.js";
import { Trainer } from "../train/trainer.js";
import { FollowedVersions } from "./follow.js";
import { openModel } from "./model.js";

/* A run that publishes versions of its model, and a program that follows them. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-publish-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = drawKey(4, 0, 0);
const ROWS = Array.from({ length: 320 }, (_, i) => ({
  item: `item ${draw(key, 2 * i) % 500}`,
  shop: draw(key, 2 * i + 1) % 9,
  y: draw(key, 3000 + i) % 2,
}));

const configOf = (train: object = {}, to?: string) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", hash: 100_000 },
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: { kind: "pnn", features: ["item", "shop"], embeddingDim: 4, mlp: { hiddenUnits: [4] } },
    train: {
      batchSize: 16,
      steps: 20,
      checkpoint: { every: 2, keep: 100, full: { every: 3 } },
      ...(to && { publish: { every: 3, to, keep: 100, full: { every: 2 } } }),
      optimizer: { embedding: { kind: "adagrad", learningRate: 0.3 }, dense: { kind: "adam" } },
      ...train,
    },
  });

const { backend } = chooseBackend();
let prepared: PreparedData;
beforeAll(async () => {
  const { data, features } = configOf();
  prepared = await prepareData({ data, features });
});

const place = (name: string) => join(folder, name);
const trainer = (name: string, train: object, to?: string, more: object = {}) =>
  new Trainer({
    config: configOf(train, to),
    features: prepared.features,
    train: prepared.splits.train,
    backend,
    runDir: place(name),
    ...more,
  });

async function modelOf(checkpoint: Checkpoint): Promise<Map<string, unknown>> {
  const tensors = await checkpoint.openModel();
  const names = [...tensors.tensors.keys()].filter((name) => !name.endsWith("/keys"));
  const all = new Map<string, unknown>();
  for (const name of names) all.set(name, digestOf((await tensors.read(name)) as Float32Array));
  await tensors.close();
  return all;
}

const digestOf = ({ buffer }: Float32Array) =>
  createHash("sha256").update(new Uint8Array(buffer)).digest("hex");

const stepsOf = (checkpoints: readonly Checkpoint[]) => checkpoints.map(({ manifest }) => manifest.step);
const request = ["item 3", "item 77", "new"].map((item, shop) => ({ item, shop }));

describe("published versions", () => {
  it("are the model of their steps, whatever is saved as a checkpoint in between", async () => {
    await trainer("whole", { checkpoint: { every: 1, keep: 100 } }).run();
    await trainer("run", {}, place("versions")).run();
    const whole = new Map((await listCheckpoints(place("whole"))).map((each) => [each.manifest.step, each]));
    const [versions, saved] = [await listCheckpoints(place("versions")), await listCheckpoints(place("run"))];
    expect(stepsOf(versions)).toEqual([3, 6, 9, 12, 15, 18, 20]);
    expect(versions.map(({ chain }) => chain.length)).toEqual([1, 2, 1, 2, 1, 2, 1]);
    for (const each of [...versions, ...saved])
      expect(await modelOf(each)).toEqual(await modelOf(whole.get(each.manifest.step)!));
    expect(versions[1].manifest.tables[0].states).toEqual([]);
    const [followed, trained] = await Promise.all([load(place("versions")), load(place("whole"))]);
    expect(followed.predict(request)).toEqual(trained.predict(request));
  });

  it("go on where a resumed run goes on, and are refused where another run has published", async () => {
    const controller = new AbortController();
    const listener = ({ kind, dir = "" }: { kind: string; dir?: string }) => {
      if (kind === "checkpointed" && dir.endsWith("10")) controller.abort();
    };
    const to = place("parts-versions");
    await trainer("parts", {}, to, { signal: controller.signal, listener }).run();
    const before = stepsOf(await listCheckpoints(to));
    expect(before).toEqual([3, 6, 9, 10]);
    await trainer("parts", {}, to, { resume: true }).run();
    const versions = await listCheckpoints(to);
    expect(stepsOf(versions)).toEqual([...before, 12, 15, 18, 20]);
    const whole = (await findLatest(place("whole"))).checkpoint!;
    expect(await modelOf(versions.at(-1)!)).toEqual(await modelOf(whole));
    await expect(trainer("other", {}, to).run()).rejects.toThrow(
      /another run has published[\s\S]*step-00000020/,
    );
  });

  it("go on where a run had published, and no checkpoint, when it was killed", async () => {
    const train = { checkpoint: { every: 100 } };
    const [to, killed] = [place("killed-versions"), new Error("killed")];
    const listener = ({ doneRows = 0 }: { doneRows?: number }) => {
      if (doneRows === 3 * 16) throw killed;
    };
    await expect(trainer("killed", train, to, { listener }).run()).rejects.toThrow(killed);
    expect(stepsOf(await listCheckpoints(to))).toEqual([3]);
    await trainer("killed", train, to, { resume: true }).run();
    const versions = await listCheckpoints(to);
    expect(stepsOf(versions)).toEqual([3, 6, 9, 12, 15, 18, 20]);
    const whole = (await findLatest(place("whole"))).checkpoint!;
    expect(await modelOf(versions.at(-1)!)).toEqual(await modelOf(whole));
  });

  it("have a pointer to the newest one after a resumed run, where the run was killed before it was written", async () => {
    const to = place("stale-versions");
    await trainer("stale", {}, to).run();
    const pointer = join(to, "checkpoints", "latest.json");
    const settled = readFileSync(pointer, "utf8");
    writeFileSync(pointer, settled.replace("step-00000020", "step-00000018").replace("20", "18"));
    mkdirSync(join(to, "checkpoints", ".tmp-latest.json-x"));
    await trainer("stale", {}, to, { resume: true }).run();
    expect(readFileSync(pointer, "utf8")).toBe(settled);
    expect(readdirSync(join(to, "checkpoints")).filter((name) => name.startsWith("."))).toEqual([]);
  });

  it("do not keep a run from going on where the newest one is damaged", async () => {
    const to = place("damaged-newest");
    await trainer("goes-on", {}, to).run();
    const newest = (await listCheckpoints(to)).at(-1)!;
    writeFileSync(
      join(newest.dir, "model.safetensors"),
      "x".repeat(newest.manifest.files["model.safetensors"].bytes),
    );
    mkdirSync(join(to, "checkpoints", ".tmp-latest.json-x"));
    const before = readdirSync(join(to, "checkpoints"));
    await trainer("goes-on", {}, to, { resume: true }).run();
    expect(readdirSync(join(to, "checkpoints"))).toEqual(before);
  });

  it("are not written by several members", () => {
    expect(() => configOf({ seeds: 2 }, place("members"))).toThrow(/publish/);
  });
});

describe("a program that follows versions", () => {
  const open = async (checkpoint: Checkpoint) => {
    const { executable } = await openModel(checkpoint, { backend, maxBatch: 8, mapped: false });
    const columns = new Map([
      ["item", { kind: "id", data: Int32Array.of(5, 77_777, 3), offset: 0, stride: 1 }],
      ["shop", { kind: "id", data: Int32Array.of(0, 8, 4), offset: 0, stride: 1 }],
    ] as const);
    const rows = {
      columns,
      rows: 3,
      start: 0,
      count: 3,
      batch: 3,
      seed: 0,
      firstStep: 0,
      scalars: new Map(),
    };
    const logits = () => executable.runSync(rows).get(LOGITS)!;
    return { checkpoint, value: { step: checkpoint.manifest.step, logits } };
  };

  it("sees each version completely, and keeps the one that it uses", async () => {
    const versions = await listCheckpoints(place("versions"));
    const expected = new Map<number, Float32Array>();
    for (const each of versions) expected.set(each.manifest.step, (await open(each)).value.logits());
    const to = place("followed");
    await trainer("first", { steps: 6 }, to).run();
    const followed = await FollowedVersions.start(to, open, { every: 1e6 });
    const first = followed.current;
    expect(first.step).toBe(6);
    expect(await followed.refresh()).toBe(false);
    await trainer("first", { steps: 20 }, to, { resume: true }).run();
    expect(followed.current).toBe(first);
    expect(await followed.refresh()).toBe(true);
    expect(followed.current.step).toBe(20);
    for (const { step, logits } of [first, followed.current]) expect(logits()).toEqual(expected.get(step));
    await followed.close();
  });

  it("predicts on when files are cut, and stays at its version when a newer one is damaged", async () => {
    const to = place("cut");
    await trainer("cut-run", { steps: 6 }, to).run();
    const warnings: string[] = [];
    const followed = await FollowedVersions.start(to, open, {
      every: 1e6,
      warn: (text) => warnings.push(text),
    });
    const before = followed.current.logits();
    for (const { dir } of await listCheckpoints(to)) truncateSync(join(dir, "model.safetensors"), 10);
    expect(followed.current.logits()).toEqual(before);
    await followed.close();
    await trainer("damaged-run", { steps: 9 }, place("damaged")).run();
    const [, second, newest] = await listCheckpoints(place("damaged"));
    truncateSync(join(newest.dir, "model.safetensors"), 10);
    const warned = await FollowedVersions.start(place("damaged"), open, {
      every: 1e6,
      warn: (text) => warnings.push(text),
    });
    expect(warned.current.step).toBe(second.manifest.step);
    expect(warnings.join()).toMatch(/step-00000009/);
    expect(await warned.refresh()).toBe(false);
    await warned.close();
  });

  it("looks by itself", async () => {
    const to = place("looking");
    await trainer("looking-run", { steps: 3 }, to).run();
    const followed = await FollowedVersions.start(to, open, { every: 5 });
    await trainer("looking-run", { steps: 6 }, to, { resume: true }).run();
    while (followed.current.step !== 6) await new Promise((resolve) => setTimeout(resolve, 5));
    await followed.close();
  });
});
