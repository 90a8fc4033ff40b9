import { mkdtempSync, rmSync, truncateSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { findLatest, listCheckpoints } from "../checkpoint/index.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { Trainer } from "../train/trainer.js";
import type { FollowingPredictor } from "./following-predictor.js";
import { load } from "./load.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-following-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 160 }, (_, i) => ({ item: (i * i) % 23, shop: i % 9, y: i % 2 }));
const REQUEST = [3, 17, 21].map((item, shop) => ({ item, shop }));

const configOf = (steps: number, to: string) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", dynamic: { capacity: 30 } },
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: { kind: "fm", features: ["item", "shop"], embeddingDim: 2 },
    train: { batchSize: 16, steps, publish: { every: 3, to, keep: 100 } },
  });

let prepared: PreparedData;
beforeAll(async () => {
  prepared = await prepareData(configOf(1, folder));
});

/** Trains up to a step, and publishes each third state. */
async function publish(name: string, steps: number, resume = false): Promise<string> {
  const to = join(folder, `${name}-versions`);
  const { features, splits } = prepared;
  const options = { config: configOf(steps, to), features, train: splits.train, resume };
  const { backend } = chooseBackend();
  await new Trainer({ ...options, backend, runDir: join(folder, name) }).run();
  return to;
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
