import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { chooseBackend } from "../backends/choose.js";
import { resolveConfig } from "../config/config.js";
import { trainRun } from "./train-run.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-refused-resume-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const path = join(folder, "rows.csv");
const runDir = join(folder, "run");

function train(rows: number, epochs: number, resume: boolean, store?: object) {
  const lines = Array.from({ length: rows }, (_, i) => `${i % 7},${i % 7 < 3 ? 1 : 0}\n`);
  writeFileSync(path, `user,y\n${lines.join("")}`);
  const config = resolveConfig({
    data: { train: { path }, label: "y", cacheDir: join(folder, "cache") },
    features: [{ kind: "id", name: "user", buckets: 7, store }],
    model: { kind: "logisticRegression", features: ["user"] },
    train: { batchSize: 16, epochs, threads: 1 },
  });
  const { backend } = chooseBackend();
  const { signal } = new AbortController();
  const listener = () => {};
  return trainRun({ config, configPath: path, runDir, backend, resume, baselines: false, signal, listener });
}

/** The content of every file of the run, by path. */
function files(): Map<string, string> {
  const found = readdirSync(runDir, { withFileTypes: true, recursive: true });
  const paths = found.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  return new Map(paths.map((each) => [each, readFileSync(each, "latin1")]));
}

it("a run that cannot be resumed keeps all its files, and one that can has the new config", async () => {
  await train(64, 1, false);
  const before = files();
  await expect(train(48, 2, true)).rejects.toThrow(
    "the training split is not the one that the run began with",
  );
  expect(files()).toEqual(before);
  const { report } = await train(64, 2, true);
  expect(report.training.step).toBe(8);
  expect(JSON.parse(readFileSync(join(runDir, "config.json"), "utf8")).train.epochs).toBe(2);
});

it("a run whose rows had no room on a disk goes on with another store, or without one", async () => {
  rmSync(runDir, { recursive: true });
  await train(64, 1, false, { memory: "1MB", path: join(folder, "small") });
  await train(64, 2, true, { memory: "2MB", path: join(folder, "large") });
  const { report } = await train(64, 3, true);
  expect(report.training.step).toBe(12);
});
