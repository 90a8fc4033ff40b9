import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { cp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { changes, Died, watchDisk } from "../checkpoint/faulty-disk.js";
import { type Checkpoint, findLatest, listCheckpoints, readPointer } from "../checkpoint/index.js";
import { keyOf, ModelWithTables } from "../checkpoint/testing.js";
import { PairloomError } from "../errors.js";
import { FITTED_VERSION, type FittedFeatures } from "../features/fitted.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { RunCheckpoints } from "./run-checkpoints.js";

vi.mock("node:fs/promises", async (original) =>
  (await import("../checkpoint/faulty-disk.js")).faulty(await original()),
);

const KEEP = 2;
const READER = { rows: 8, batchSize: 4 };
const FEATURES: FittedFeatures = { version: FITTED_VERSION, features: [], vocabularies: {} };
/** The best so far is not among the newest. */
const BEFORE = [0.6, 0.9, 0.7, 0.65, 0.66];
const LAST = BEFORE.length + 1;

/**
 * The last save is the best of all, or is not. A fault at each operation is tried in one of the two cases, in turn; in both
 * with `FAULTS=all npx vitest run src/train/run-checkpoints.test.ts`.
 */
const AUCS = [0.95, 0.5];
const CASES = process.env.FAULTS === "all" ? 1 : AUCS.length;

/** What a run saves at a step: everything, or the changes of this step. */
const contentAt = (step: number, auc: number) => (changesTo?: Checkpoint) => {
  const model = new ModelWithTables();
  for (let i = 1; i <= step; i++) {
    model.saved();
    model.updateRow(i % 3, i);
    for (const number of [i, i + 1, i % 2]) model.updateKey(keyOf(number), i);
    model.remove(keyOf(i - 2));
  }
  return {
    ...(changesTo ? model.changes(step, changesTo) : model.whole(step)),
    metrics: { auc },
    reader: READER,
    features: FEATURES,
    config: { train: { metric: "auc" } },
  };
};

/**
 * Every checkpoint is complete, or only the first of three: the best so far, of step 2, is then one of changes to the first.
 * `every`: each how many operations one fails.
 */
describe.each([
  { kind: "complete", full: undefined, before: [2, 4, 5], kept: [2, 5, 6], keptAsBest: [5, 6], every: 1 },
  {
    kind: "incremental",
    full: { every: 3 },
    before: [1, 2, 4, 5],
    kept: [1, 2, 4, 5, 6],
    keptAsBest: [4, 5, 6],
    every: 5,
  },
])("$kind checkpoints", ({ kind, full, before, kept, keptAsBest, every }) => {
  let parent: string;
  beforeAll(async () => {
    parent = mkdtempSync(join(tmpdir(), "last-save-"));
    const checkpoints = open("before");
    for (const [i, auc] of BEFORE.entries()) await checkpoints.save(i + 1, contentAt(i + 1, auc));
  });
  afterAll(() => rmSync(parent, { recursive: true }));

  const runDir = (name: string) => join(parent, name);
  const open = (name: string) => new RunCheckpoints(runDir(name), { keep: KEEP, metric: "auc", full });

  const entries = (name: string) => readdirSync(join(runDir(name), "checkpoints")).sort();
  const steps = async (name: string) =>
    (await listCheckpoints(runDir(name))).map(({ manifest }) => manifest.step);
  const served = async (name: string) => (await findCheckpoint(runDir(name))).manifest.step;

  it(`keep the best, the newest and what they are based on: ${kind}`, async () => {
    expect(await steps("before")).toEqual(before);
  });

  async function runAfter(name: string): Promise<string> {
    await cp(runDir("before"), runDir(name), { recursive: true });
    return name;
  }

  /** What a run must be like after any fault in its last save, before and after it is resumed. */
  async function expectSound(name: string, auc: number): Promise<void> {
    const best = async () => ((await steps(name)).includes(LAST) && auc > 0.9 ? LAST : 2);
    expect(await served(name)).toBe(await best());
    const complete = (await steps(name)).includes(LAST);
    const { checkpoint, rejected } = await findLatest(runDir(name), { checksums: true });
    expect(rejected).toEqual([]);
    expect(checkpoint!.manifest.step).toBe(complete ? LAST : LAST - 1);

    const resumed = open(name);
    const from = await resumed.resume(READER, FEATURES, () => {});
    await resumed.settle();
    expect(from!.manifest.step).toBe(complete ? LAST : LAST - 1);
    expect((await readPointer(runDir(name), "best"))!.step).toBe(await best());
    expect((await readPointer(runDir(name), "latest"))!.step).toBe(from!.manifest.step);
    expect(entries(name).filter((entry) => entry.startsWith(".tmp-"))).toEqual([]);

    await resumed.save(LAST, contentAt(LAST, auc));
    expect(await steps(name)).toEqual(auc > 0.9 ? keptAsBest : kept);
    expect(await served(name)).toBe(auc > 0.9 ? LAST : 2);
  }

  const save = async (name: string, auc: number) => {
    const checkpoints = open(name);
    await checkpoints.resume(READER, FEATURES, () => {});
    return async () => {
      await checkpoints.save(LAST, contentAt(LAST, auc));
    };
  };

  const operationsOfLastSave = async (auc: number) => {
    const name = await runAfter(`count-${auc}`);
    return (await watchDisk(await save(name, auc))).operations;
  };

  /** The operations at which a fault is tried. */
  const triedAt = (positions: readonly number[], auc: number) =>
    positions.filter((_, i) => i % (every * CASES) === every * (AUCS.indexOf(auc) % CASES));

  it.each(AUCS)("killed at any file operation of the last save (AUC %f), serves the best", async (auc) => {
    const points = changes(await operationsOfLastSave(auc));
    expect(points.length).toBeGreaterThan(12);
    for (const at of triedAt(points, auc)) {
      const name = await runAfter(`kill-${auc}-${at}`);
      const { error } = await watchDisk(await save(name, auc), { at });
      expect(error).toBeInstanceOf(Died);
      await expectSound(name, auc);
    }
  });

  it.each(AUCS)(
    "a failing operation of the last save (AUC %f) is an error with where and next",
    async (auc) => {
      const count = (await operationsOfLastSave(auc)).length;
      for (const at of triedAt([...Array(count).keys()], auc)) {
        const code = ["EIO", "EMFILE", "ENOSPC", "EACCES"][Math.floor(at / 2) % 4];
        const name = await runAfter(`fail-${auc}-${at}`);
        const { error, operations } = await watchDisk(await save(name, auc), { at, code });
        expect(error, operations[at]).toBeInstanceOf(PairloomError);
        const { where, next } = (error as PairloomError).report;
        expect(where, operations[at]).toContain(runDir(name));
        expect(next, operations[at]).toMatch(/^[A-Z].*\.$/);
        await expectSound(name, auc);
      }
    },
  );

  it("a failing operation while a run is resumed or loaded changes nothing", async () => {
    const auc = 0.95;
    const whole = await runAfter(`whole-${auc}`);
    await (await save(whole, auc))();
    const work = [
      async (name: string) => {
        const checkpoints = open(name);
        await checkpoints.resume(READER, FEATURES, () => {});
        await checkpoints.settle();
      },
      (name: string) => findCheckpoint(runDir(name)),
    ];
    for (const [kind, run] of work.entries()) {
      const { operations } = await watchDisk(() => run(whole));
      for (let at = 0; at < operations.length; at += every) {
        const name = `read-${auc}-${kind}-${at}`;
        await cp(runDir(whole), runDir(name), { recursive: true });
        const { error } = await watchDisk(() => run(name), { at, code: ["EIO", "EMFILE"][at % 2] });
        expect(error, operations[at]).toBeInstanceOf(PairloomError);
        expect((error as PairloomError).report).toMatchObject({
          where: expect.any(String),
          next: expect.any(String),
        });
        await expectSound(name, auc);
      }
    }
  });
});

it("a run is not resumed with another vocabulary, whatever the table is called", async () => {
  const run = mkdtempSync(join(tmpdir(), "other-vocabulary-"));
  const open = () => new RunCheckpoints(run, { keep: KEEP, metric: "auc" });
  const fittedTo = (values: string[]): FittedFeatures => ({ ...FEATURES, vocabularies: { store: values } });
  const features = fittedTo(["a", "b"]);
  await open().save(1, () => ({ ...contentAt(1, 0.5)(), features }));
  expect((await open().resume(READER, features, () => {}))?.manifest.step).toBe(1);
  await expect(open().resume(READER, fittedTo(["a", "c"]), () => {})).rejects.toThrow(/features fitted/);
  rmSync(run, { recursive: true });
});
