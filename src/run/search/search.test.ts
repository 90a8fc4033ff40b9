import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { chooseBackend } from "../../backends/choose.js";
import { findLatest, readPointer } from "../../checkpoint/index.js";
import { checksumsOf } from "../../checkpoint/testing.js";
import { defaultSpace } from "../../config/default-space.js";
import { ConfigError } from "../../errors.js";
import { draw, drawKey, drawUnit } from "../../random.js";
import { runsIn } from "../run-summary.js";
import { type SearchReport, type SearchRunOptions, searchRun } from "./search.js";
import type { SearchEvent } from "./search-event.js";

const folder = mkdtempSync(join(tmpdir(), "pairloom-search-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

function rowsOf(count: number, stream: number): Record<string, unknown>[] {
  const key = drawKey(7, stream, 0);
  return Array.from({ length: count }, (_, i) => {
    const [a, b] = [draw(key, 4 * i) % 9, draw(key, 4 * i + 1) % 5];
    const p = 1 / (1 + Math.exp(-((a * 3 + b * 5) % 4) + 1.5));
    return { a, b, y: drawUnit(key, 4 * i + 3) < p ? 1 : 0 };
  });
}

const RATE = "train.optimizer.embedding.learningRate";

function written(more: Record<string, unknown> = {}, train: Record<string, unknown> = {}) {
  return {
    data: {
      train: { rows: rowsOf(600, 1) },
      valid: { rows: rowsOf(300, 2) },
      test: { rows: rowsOf(300, 3) },
      label: "y",
      cacheDir: join(folder, "cache"),
    },
    features: [
      { kind: "id", name: "a", buckets: 9 },
      { kind: "id", name: "b", buckets: 5 },
    ],
    model: { kind: "fm", embeddingDim: 4, features: ["a", "b"] },
    train: { batchSize: 32, epochs: 1, threads: 1, ...train },
    search: { [RATE]: { log: [1e-4, 0.5] }, "features.a.dim": { choice: [4] } },
    ...more,
  };
}

const optionsOf = (name: string, more: Partial<SearchRunOptions> = {}): SearchRunOptions => ({
  runDir: join(folder, name),
  backend: chooseBackend().backend,
  trials: 9,
  ...more,
});

/** What a search has found, without times. */
const outcomeOf = ({ results, best }: SearchReport) => ({
  results: results.map(({ seconds, ...result }) => result),
  best: best && { trial: best.trial, settings: best.settings, value: best.value },
});

/** Copies what is on the disk, without the note of the last result. */
function leaveAsKilled(from: string, to: string): void {
  const filter = (path: string) => !path.endsWith("writer.lock");
  cpSync(join(folder, from), join(folder, to), { recursive: true, filter });
  const path = join(folder, to, "search.json");
  const { plan, results } = JSON.parse(readFileSync(path, "utf8"));
  writeFileSync(path, JSON.stringify({ plan, results: results.slice(0, -1) }));
}

describe("search", () => {
  let whole: SearchReport;

  it("trains the best trials on, and measures only the best of all on the test split", async () => {
    const events: SearchEvent[] = [];
    whole = await searchRun(written(), optionsOf("whole", { listener: (event) => void events.push(event) }));
    const at = (rung: number) => whole.results.filter((result) => result.rung === rung);
    expect(at(0).map(({ trial, step }) => [trial, step])).toEqual(
      Array.from({ length: 9 }, (_, i) => [i + 1, 3]), // ceil(19 / 9) steps
    );
    expect(at(1).length).toBeGreaterThanOrEqual(3);
    const values = whole.results.map(({ value }) => value!);
    expect(whole.best!.value).toBeGreaterThanOrEqual(Math.max(...values));
    expect(whole.best!.value).toBe((await readPointer(whole.best!.runDir, "best"))!.value);
    const tested = events.flatMap((event) =>
      event.kind === "evaluated" && event.split === "test" ? [event] : [],
    );
    expect(tested).toHaveLength(1);
    expect(events.filter(({ kind }) => kind === "prepared")).toHaveLength(1);

    const runs = await runsIn(join(folder, "whole"));
    expect(runs.map(({ name }) => name)).toEqual(Array.from({ length: 9 }, (_, i) => `trial-${i + 1}`));
    const finished = runs.filter(({ status }) => status === "finished");
    expect(finished.map(({ directory }) => directory)).toEqual([whole.best!.runDir]);
    expect(finished[0].test.auc).toBe(whole.best!.report!.results[0].auc);
    expect(finished[0].steps).toBe(19);
    expect(readdirSync(join(folder, "whole", "best"))).toContain("report.json");
  });

  it("gives the same results again, also where it was killed before it could note the last one", async () => {
    let ended = 0;
    const listener = ({ kind }: SearchEvent) => {
      if (kind === "trialEnded" && ++ended === 11) leaveAsKilled("again", "killed");
    };
    const again = await searchRun(written(), optionsOf("again", { listener }));
    expect(outcomeOf(again)).toEqual(outcomeOf(whole));
    expect(outcomeOf(await searchRun(written(), optionsOf("killed", { resume: true })))).toEqual(
      outcomeOf(whole),
    );
    const bytes = async (report: SearchReport) =>
      checksumsOf((await findLatest(report.best!.runDir)).checkpoint!.manifest);
    expect(await bytes(again)).toEqual(await bytes(whole));
  });

  it("goes on after an interrupt, without what is done already", async () => {
    const controller = new AbortController();
    let trained = 0;
    const listener = ({ kind }: SearchEvent) => {
      if (kind === "trialTrained" && ++trained === 9) controller.abort();
    };
    const first = await searchRun(written(), optionsOf("stopped", { signal: controller.signal, listener }));
    expect(first.reason).toBe("interrupted");
    expect(first.best?.report).toBeUndefined();
    expect(first.results.length).toBeGreaterThan(0);
    await expect(searchRun(written(), optionsOf("stopped"))).rejects.toThrow(/already has a search/);

    const started: number[] = [];
    const second = await searchRun(
      written(),
      optionsOf("stopped", {
        resume: true,
        listener: (event) => {
          if (event.kind === "trialStarted") started.push(event.trial);
        },
      }),
    );
    expect(outcomeOf(second)).toEqual(outcomeOf(whole));
    expect(started.length).toBe(second.results.length - first.results.length);
    const other = written({ search: { [RATE]: { log: [1e-3, 0.5] } } });
    await expect(searchRun(other, optionsOf("stopped", { resume: true }))).rejects.toThrow(
      /differs from the one/,
    );
  });

  it("records a trial that fails, and stops when the time is over", async () => {
    const space = { "train.optimizer.embedding": { choice: [{ kind: "sgd", learningRate: 1e30 }] } };
    const report = await searchRun(written({ search: space }), optionsOf("failing", { trials: 3 }));
    const failed = report.results.filter(({ failure }) => failure !== undefined);
    expect(failed.map(({ trial }) => trial)).toEqual([2, 3]);
    expect(report.best).toMatchObject({ trial: 1, settings: [] });

    const short = await searchRun(written(), optionsOf("short", { minutes: 1e-6 }));
    expect([short.reason, short.results, short.best]).toEqual(["time", [], undefined]);
  });

  it("trains the best settings with the seeds of the config", async () => {
    const report = await searchRun(written({}, { seeds: 2 }), optionsOf("seeds", { trials: 2 }));
    expect(report.best!.runDir).toBe(join(folder, "seeds", "best"));
    expect(report.best!.report!.training.members).toHaveLength(2);
    expect(existsSync(join(folder, "seeds", "trial-1", "members"))).toBe(false);
  });
});

describe("before a search", () => {
  const errorOf = async (config: unknown) => {
    const error = await searchRun(config, optionsOf("refused")).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(ConfigError);
    return (error as ConfigError).report;
  };

  it("publishes nothing", async () => {
    const to = join(folder, "published");
    const options = optionsOf("publishing", { trials: 2 });
    const { best } = await searchRun(written({}, { publish: { every: 2, to } }), options);
    expect(existsSync(best!.runDir)).toBe(true);
    expect(existsSync(to)).toBe(false);
  });

  it("refuses a config without a validation split", async () => {
    const { valid, ...data } = written().data;
    expect(await errorOf(written({ data }))).toMatchObject({ where: "data.valid", next: "Add data.valid." });
  });

  it("names the paths and values that the config does not take", async () => {
    const space = (path: string, values: unknown) => written({ search: { [path]: values } });
    expect(await errorOf(space("train.epoch", { integer: [8, 16] }))).toMatchObject({
      where: 'search["train.epoch"]',
      next: 'Did you mean "epochs"? It is set too: correct the name, or remove "epoch".',
    });
    expect(await errorOf(space("train.batchSize", { uniform: [8, 16.5] }))).toMatchObject({
      where: 'search["train.batchSize"]',
    });
    expect(await errorOf(space("train.batchSize", { logarithmic: [1, 2] }))).toMatchObject({
      where: expect.stringContaining('search["train.batchSize"]'),
    });
  });

  it("has a space for a config that names none", () => {
    const { search: _, ...config } = written();
    expect(defaultSpace(config)).toMatchObject({
      "train.optimizer.dense.learningRate": { log: [expect.any(Number), expect.any(Number)] },
      [RATE]: { log: [expect.any(Number), expect.any(Number)] },
      "model.embeddingDim": { choice: [2, 4, 8] },
    });
  });
});
