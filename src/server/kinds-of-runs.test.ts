import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { stepName } from "../checkpoint/paths.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { load } from "../serve/load.js";
import { trainerOf } from "../train/trainer-of.js";
import { post, serveModels } from "./testing.js";

/* What training can leave behind is served, with the scores of the predictor. */

const folder = mkdtempSync(join(tmpdir(), "pairloom-kinds-of-runs-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = Array.from({ length: 160 }, (_, i) => ({ item: `item ${(i * i) % 23}`, shop: i % 9, y: i % 2 }));
const ASKED = [1, 4, 9, 400].map((item, shop) => ({ item: `item ${item}`, shop }));
const published = join(folder, "published");

/** A run, and where its versions are. */
async function trained(item: object, train: object = {}): Promise<string> {
  const config = resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [
      { kind: "id", name: "item", ...item },
      { kind: "id", name: "shop", buckets: 9 },
    ],
    model: { kind: "fm", features: ["item", "shop"], embeddingDim: 2 },
    train: { batchSize: 16, steps: 6, ...train },
  });
  const { features, splits } = await prepareData(config);
  const runDir = mkdtempSync(join(folder, "run-"));
  await trainerOf({ config, features, train: splits.train, backend: chooseBackend().backend, runDir }).run();
  return runDir;
}

const KINDS: readonly [string, object, object?][] = [
  ["several seeds", { hash: 50 }, { seeds: 2 }],
  ["a dynamic table", { dynamic: { capacity: 10 } }],
  ["dynamic tables of several seeds", { dynamic: { capacity: 10 } }, { seeds: 2 }],
  ["a vocabulary that grows", { vocabulary: { grow: true } }],
  ["a table of 16-bit numbers", { hash: 50, dtype: "bf16" }],
  ["published versions", { dynamic: { capacity: 30 } }, { publish: { every: 2, to: published } }],
];
// The reference backend keeps no rows in files.
const STORED: typeof KINDS = [["a table larger than its memory", { hash: 5000, store: { memory: "10KB" } }]];

describe.each([...KINDS, ...(chooseBackend().backend.tier ? STORED : [])])(
  "a run with %s",
  (name, item, train) => {
    it("is served", async () => {
      const runDir = await trained(item, train);
      const path = name === "published versions" ? published : runDir;
      const model = await load(path);
      const { url, server } = await serveModels([{ name: "main", path }], { follow: path === published });
      const predicted = await (await post(`${url}/v1/predict`, { rows: ASKED })).json();
      expect(predicted).toEqual({
        model: "main",
        version: stepName(model.step),
        scores: [...model.predict(ASKED)],
      });
      const request = { context: { shop: 3 }, items: ASKED.map(({ item }) => ({ item })) };
      const { items } = await (await post(`${url}/v1/rank`, request)).json();
      const full = model.predict(ASKED.map(({ item }) => ({ item, shop: 3 })));
      expect(items).toHaveLength(ASKED.length);
      for (const { index, score } of items) expect(Math.abs(score - full[index])).toBeLessThan(1e-6);
      void server.stop();
    });
  },
);
