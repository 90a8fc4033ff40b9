import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { resolveConfig } from "../config/config.js";
import { prepareData } from "../data/index.js";
import { TABLES } from "./table-metrics.js";
import { Trainer } from "./trainer.js";
import type { TrainingEvent } from "./training-event.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-table-log-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const BATCH = 16;
const ROWS = Array.from({ length: 480 }, (_, i) => ({ item: (i * i) % 89, y: i % 2 }));
const configOf = (steps: number) =>
  resolveConfig({
    data: { train: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
    features: [{ kind: "id", name: "item", dynamic: { capacity: 30 } }],
    model: { kind: "logisticRegression", features: ["item"] },
    train: { batchSize: BATCH, steps, checkpoint: { every: 10 } },
  });

/** Trains up to a step from the step `from`; the occurrences that the log says had rows, and those that the table counted. */
async function hitsUpTo(runDir: string, steps: number, from = 0) {
  const config = configOf(steps);
  const { features, splits } = await prepareData(config);
  let [last, logged] = [from, 0];
  const listener = (event: TrainingEvent) => {
    if (event.kind !== "measured" || event.split !== TABLES) return;
    const occurrences = (event.position.step - last) * BATCH;
    logged += event.values["item.hitRate"] * occurrences;
    last = event.position.step;
  };
  const { backend } = chooseBackend();
  const options = { config, features, train: splits.train, backend, runDir, resume: from > 0, listener };
  const { tables } = await new Trainer(options).run();
  return { logged, counted: tables.item.hits };
}

it("the logged hit rates are those since the measurement before, also after a resume", async () => {
  const run = join(folder, "run");
  const first = await hitsUpTo(run, 20);
  expect(first.counted).toBeGreaterThan(0);
  expect(first.logged).toBeCloseTo(first.counted, 6);
  const second = await hitsUpTo(run, 30, 20);
  expect(second.logged).toBeCloseTo(second.counted - first.counted, 6);
});
