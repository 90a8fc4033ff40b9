import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import { type Checkpoint, findLatest, listCheckpoints } from "../checkpoint/index.js";
import { checksumsOf, numbersOf } from "../checkpoint/testing.js";
import { resolveConfig } from "../config/config.js";
import { type PreparedData, prepareData } from "../data/index.js";
import { draw, drawKey } from "../random.js";
import { load } from "../serve/load.js";
import { Trainer } from "./trainer.js";

/* Runs whose checkpoints hold changes, beside runs whose checkpoints are complete. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-incremental-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const key = drawKey(3, 0, 0);
const ROWS = Array.from({ length: 480 }, (_, i) => ({
  item: `item ${draw(key, 2 * i) % 700}`,
  shop: draw(key, 2 * i + 1) % 9,
  y: draw(key, 3000 + i) % 2,
}));

const configOf = (full?: { every: number }) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", hash: 5000, dtype: "bf16" },
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: {
      kind: "deepfm",
      wide: { features: ["item", "shop"] },
      deep: { features: ["item", "shop"], mlp: { hiddenUnits: [4] } },
      embeddingDim: 3,
    },
    train: {
      batchSize: 16,
      steps: 30,
      seed: 2,
      average: { decay: 0.9 },
      checkpoint: { every: 3, keep: 100, full },
      optimizer: { embedding: { kind: "adam", learningRate: 0.05 }, dense: { kind: "adam" } },
    },
  });

let prepared: PreparedData;
beforeAll(async () => {
  const { data, features } = configOf();
  prepared = await prepareData({ data, features });
});

/** Every number of a checkpoint, without those of the rows that it has. */
const valuesOf = async (checkpoint: Checkpoint) =>
  new Map([...(await numbersOf(checkpoint))].filter(([name]) => !name.endsWith("/keys")));

const bytesOf = ({ manifest: { files } }: Checkpoint) =>
  Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0);

describe.each(BACKENDS.slice(0, 2))("on $name", ({ name, use }) => {
  const dir = (run: string) => join(folder, `${name.replaceAll(" ", "-")}-${run}`);
  const trainerFor = (runDir: string, full?: { every: number }, more: object = {}) =>
    new Trainer({
      config: configOf(full),
      features: prepared.features,
      train: prepared.splits.train,
      backend: use(),
      runDir,
      ...more,
    });

  it("every checkpoint of changes reads as the complete one of the same step", async () => {
    await trainerFor(dir("complete")).run();
    await trainerFor(dir("changes"), { every: 4 }).run();
    const complete = await listCheckpoints(dir("complete"));
    const changes = await listCheckpoints(dir("changes"));
    expect(changes.map(({ chain }) => chain.length)).toEqual([1, 2, 3, 4, 1, 2, 3, 4, 1, 2]);
    for (const [i, checkpoint] of changes.entries())
      expect(isDeepStrictEqual(await valuesOf(checkpoint), await valuesOf(complete[i]))).toBe(true);
    expect(bytesOf(changes[1])).toBeLessThan(bytesOf(complete[1]) / 3);
    const rows = [{ item: "item 3", shop: 2 }];
    const [a, b] = await Promise.all(
      ["complete", "changes"].map((run) => load(dir(run), { backend: "reference" })),
    );
    expect(a.predict(rows)).toEqual(b.predict(rows));
  });

  it("a run resumed from changes ends with the same bytes, and goes on with complete ones if it is told to", async () => {
    const controller = new AbortController();
    const listener = ({ kind, dir = "" }: { kind: string; dir?: string }) => {
      if (kind === "checkpointed" && dir.endsWith("21")) controller.abort();
    };
    await trainerFor(dir("parts"), { every: 4 }, { signal: controller.signal, listener }).run();
    const { checkpoint } = await findLatest(dir("parts"), { checksums: true });
    expect(checkpoint!.chain).toHaveLength(3);
    await trainerFor(dir("parts"), { every: 4 }, { resume: true }).run();
    const [whole, parts] = await Promise.all(
      [dir("changes"), dir("parts")].map((run) => listCheckpoints(run)),
    );
    expect(parts.map(({ manifest }) => checksumsOf(manifest))).toEqual(
      whole.map(({ manifest }) => checksumsOf(manifest)),
    );
    rmSync(parts.at(-1)!.dir, { recursive: true });
    await trainerFor(dir("parts"), undefined, { resume: true }).run();
    const last = (await findLatest(dir("parts"))).checkpoint!;
    const [complete] = (await listCheckpoints(dir("complete"))).slice(-1);
    expect(checksumsOf(last.manifest)).toEqual(checksumsOf(complete.manifest));
  });
});
