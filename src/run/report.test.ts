import { mkdtempSync, rmSync } from "node:fs";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { resolveConfig } from "../config/config.js";
import { selectBackend } from "../saved/backend.js";
import { trainRun } from "./train-run.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each([
  [{}, undefined, availableParallelism()],
  [{}, 3, 3],
  [{ threads: 2 }, 3, 2],
])(
  "with train: %j and %j threads of the backend, the report says %i threads",
  async (train, threads, expected) => {
    const config = resolveConfig({
      data: {
        train: { rows: Array.from({ length: 20 }, (_, i) => ({ user: i % 4, y: i % 2 })) },
        label: "y",
        cacheDir: join(folder, "cache"),
      },
      features: [{ kind: "id", name: "user", buckets: 4 }],
      model: { kind: "logisticRegression", features: ["user"] },
      train: { batchSize: 10, steps: 1, ...train },
    });
    const { backend } = selectBackend("reference");
    const runDir = mkdtempSync(join(folder, "run-"));
    const options = { config, runDir, backend, threads, signal: new AbortController().signal };
    const { report } = await trainRun({ ...options, resume: false, baselines: false, listener: () => {} });
    expect(report.threads).toBe(expected);
  },
);
