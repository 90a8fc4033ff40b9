import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it, vi } from "vitest";
import { chooseBackend } from "../src/backends/choose.js";
import { watchDisk } from "../src/checkpoint/faulty-disk.js";
import { findLatest } from "../src/checkpoint/index.js";
import { resolveConfig } from "../src/config/config.js";
import { PairloomError } from "../src/errors.js";
import { trainRun } from "../src/run/train-run.js";

vi.mock("node:fs/promises", async (original) =>
  (await import("../src/checkpoint/faulty-disk.js")).faulty(await original()),
);
vi.mock("node:fs", async (original) =>
  (await import("../src/checkpoint/faulty-disk.js")).faultySync(await original()),
);

/** One of this number of operations fails. The long form: `EVERY=1 npx vitest run test/disk-errors.test.ts --testTimeout 3600000`. */
const EVERY = Number(process.env.EVERY ?? 17);

const folder = mkdtempSync(join(tmpdir(), "disk-errors-"));
afterAll(() => rmSync(folder, { recursive: true }));

const ROWS = Array.from({ length: 64 }, (_, i) => ({ user: i % 7, y: i % 7 < 3 ? 1 : 0 }));
const CONFIG = resolveConfig({
  data: { train: { rows: ROWS }, valid: { rows: ROWS }, label: "y", cacheDir: join(folder, "cache") },
  features: [{ kind: "id", name: "user", buckets: 7 }],
  model: { kind: "logisticRegression", features: ["user"] },
  train: { batchSize: 16, epochs: 2, threads: 1, checkpoint: { every: 2, keep: 1 } },
});
const { backend } = chooseBackend();

function train(runDir: string, resume = false) {
  const signal = new AbortController().signal;
  return trainRun({ config: CONFIG, runDir, backend, resume, baselines: false, signal, listener: () => {} });
}

it("any file operation of a run that fails is an error with path and next step, and the run can be resumed", async () => {
  await train(join(folder, "warm"));
  const { operations, error } = await watchDisk(
    () => train(join(folder, "run-count")),
    undefined,
    "run-count",
  );
  expect(error).toBeUndefined();
  expect(operations.length).toBeGreaterThan(150);
  const faults: string[] = [];
  for (let at = 0; at < operations.length; at += EVERY) {
    const name = `run-${at}-`;
    const runDir = join(folder, name);
    const code = ["ENOSPC", "EIO", "EACCES", "EMFILE"][at % 4];
    const { error, operations: done } = await watchDisk(() => train(runDir), { at, code }, name);
    const report = error instanceof PairloomError ? error.report : undefined;
    // The temporary name of the lock may stay: nobody reads it.
    const isHarmless = error === undefined && /^rm .*\.tmp-writer\.lock/.test(done[at]);
    if (!isHarmless && (!report?.where?.includes(name) || !/^[A-Z].*\.$/.test(report.next ?? "")))
      faults.push(`${done[at]}: ${error}`);
    const { rejected } = await findLatest(runDir, { checksums: true });
    expect(rejected).toEqual([]);
    const again = await train(runDir, existsSync(join(runDir, "checkpoints")));
    expect(again.report.training.step, done[at]).toBe(8);
    rmSync(runDir, { recursive: true });
  }
  expect(faults).toEqual([]);
});
