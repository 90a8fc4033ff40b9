import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "../../backends/backend.js";
import { checkpointsDir, DiskError, RunLock, readPointer } from "../../checkpoint/index.js";
import { type Config, resolveConfig } from "../../config/config.js";
import { checkSpace, defaultSpace, trialConfig } from "../../config/default-space.js";
import { drawSettings, type SearchSpace } from "../../config/search-space.js";
import type { Setting } from "../../config/settings.js";
import type { PreparedData } from "../../data/index.js";
import { CheckpointError, ConfigError, PairloomError } from "../../errors.js";
import { packedPart, withTableSettings } from "../../features/table-settings.js";
import { directionOf } from "../../metrics/index.js";
import { makeLink } from "../../saved/run-directory.js";
import { membersOf } from "../../train/member-configs.js";
import { membersDirectory } from "../../train/members.js";
import { factsOf } from "../../train/step/loss/index.js";
import { refuseOneClass } from "../one-class.js";
import { prepareFor } from "../prepare-for.js";
import type { Report } from "../report.js";
import { trainRun } from "../train-run.js";
import { type Job, nextJob, ranked, rungsOf } from "./halving.js";
import type { SearchEvent } from "./search-event.js";
import { readRecord, refuseSearch, type SearchPlan, type TrialResult, writeRecord } from "./search-record.js";
import { evaluatedAtRungs, trainTrial } from "./train-trial.js";

/** What a search tries, and for how long. */
export interface SearchLimits {
  /** Number of trials; the first has the config as it is. Default 30. */
  readonly trials?: number;
  /** Time for the whole search, the training of the best trial to its end included. Default: no limit. */
  readonly minutes?: number;
  /** Seed of the settings that are drawn. Default 1. */
  readonly seed?: number;
}

export interface SearchRunOptions extends SearchLimits {
  /** The directory of the search: `search.json`, and a run directory `trial-<n>` for each trial. */
  readonly runDir: string;
  readonly backend: Backend;
  /** Go on with the search of the directory. */
  readonly resume?: boolean;
  /** The file that the config is from. */
  readonly configPath?: string;
  /** Stops the search after the current step; what there is stays. */
  readonly signal?: AbortSignal;
  readonly listener?: (event: SearchEvent) => void;
}

export interface SearchReport {
  readonly metric: string;
  /** `time`: the minutes are over; `interrupted`: the signal was given. */
  readonly reason: "finished" | "time" | "interrupted";
  readonly seconds: number;
  readonly results: readonly TrialResult[];
  /** The trial with the best value; absent if none reached the end of a rung. */
  readonly best?: {
    readonly trial: number;
    readonly settings: readonly Setting[];
    /** On the validation split, of its best checkpoint. */
    readonly value: number;
    readonly runDir: string;
    /** The report of its run; absent if the search was interrupted. */
    readonly report?: Report;
  };
}

/**
 * Searches for better settings: random trials, of which the best third is trained on at each rung (halving.ts). Trials read
 * the training and validation splits only. The best trial is trained to its end and measured on the test split.
 * @param written a config as written, without defaults: `search` says what to vary, or there is a default space
 * @throws ConfigError if there is no validation split, or the space has paths or values that the config does not take;
 * CheckpointError if the directory has another search; DataError
 */
export async function searchRun(written: unknown, options: SearchRunOptions): Promise<SearchReport> {
  return new Search(written, options).run();
}

const DEFAULT_TRIALS = 30;

class Search {
  private readonly startedAt = performance.now();
  private readonly config: Config;
  private readonly space: SearchSpace;
  private readonly trials: number;
  private readonly rungs: readonly number[];
  private readonly stop: AbortSignal;
  private readonly prepared = new Map<string, PreparedData>();
  private results: TrialResult[] = [];

  constructor(
    private readonly written: unknown,
    private readonly options: SearchRunOptions,
  ) {
    this.config = resolveConfig(written);
    refuseNoValid(this.config);
    this.space = this.config.search ?? defaultSpace(written);
    checkSpace(written, this.space);
    this.trials = options.trials ?? DEFAULT_TRIALS;
    this.rungs = rungsOf(this.trials);
    this.stop = options.signal ?? new AbortController().signal;
  }

  async run(): Promise<SearchReport> {
    const { runDir, resume } = this.options;
    return RunLock.holding(runDir, async () => {
      if (resume) this.results = await readRecord(runDir, this.plan);
      else refuseSearch(runDir);
      await writeRecord(runDir, this.plan, this.results);
      return this.searchLocked();
    });
  }

  private async searchLocked(): Promise<SearchReport> {
    const { space, trials, results } = this;
    const { runDir } = this.options;
    const { metric } = this.config.train;
    await this.dataOf(this.config);
    this.tell({ kind: "searchStarted", runDir, space, metric, trials, results });
    const reason = await this.searchTrials();
    const best = await this.finishBest();
    const seconds = this.seconds;
    return {
      metric,
      reason: this.stop.aborted ? "interrupted" : reason,
      seconds,
      results: this.results,
      best,
    };
  }

  private async searchTrials(): Promise<SearchReport["reason"]> {
    for (;;) {
      const job = nextJob(this.scored, this.trials, this.rungs.length);
      if (!job) return "finished";
      if (this.secondsLeft <= 0) return "time";
      const result = await this.runJob(job);
      if (!result) return this.stop.aborted ? "interrupted" : "time";
      this.results.push(result);
      await writeRecord(this.options.runDir, this.plan, this.results);
      this.tell({ kind: "trialEnded", result, settings: this.settingsOf(result.trial) });
    }
  }

  /** Undefined if time is over, or the search was interrupted. */
  private async runJob({ trial, rung }: Job): Promise<TrialResult | undefined> {
    const settings = this.settingsOf(trial);
    const startedAt = performance.now();
    const part = this.rungs[rung] - (this.rungs[rung - 1] ?? 0);
    this.tell({ kind: "trialStarted", trial, settings, part: this.rungs[rung] });
    const measured = await this.train(trial, rung).catch(failureOf);
    const seconds = (performance.now() - startedAt) / 1000;
    return measured && { trial, rung, part, seconds, ...measured };
  }

  private async train(trial: number, rung: number) {
    const config = await this.configOf(trial);
    const deadline = timer(this.secondsLeft);
    try {
      const trained = await trainTrial({
        config,
        runDir: this.directoryOf(trial),
        data: await this.dataOf(config),
        backend: this.options.backend,
        until: this.rungs[rung],
        signal: AbortSignal.any([this.stop, deadline.signal]),
        onStep: (step, steps, loss) => this.tell({ kind: "trialTrained", trial, step, steps, loss }),
      });
      if (!trained || trained.value !== undefined) return trained;
      return { step: trained.step, failure: `${config.train.metric} is undefined` };
    } finally {
      deadline.clear();
    }
  }

  /** Trains the best trial to its end and measures it, unless the search was interrupted. */
  private async finishBest(): Promise<SearchReport["best"]> {
    const [first] = ranked(this.scored);
    if (!first) return undefined;
    const { trial } = first;
    const best = { trial, settings: this.settingsOf(trial), value: this.valueOfScore(first.score) };
    const config = await this.configOf(trial);
    const seeds = membersOf(this.config.train);
    const runDir = seeds ? join(this.options.runDir, "best") : this.directoryOf(trial);
    if (!seeds) makeLink(join(this.options.runDir, "best"), runDir);
    if (this.stop.aborted) return { ...best, runDir: this.directoryOf(trial) };
    this.tell({ kind: "bestStarted", trial, runDir });
    const { report } = await trainRun({
      config: seeds ? { ...config, train: { ...config.train, seeds } } : config,
      configPath: this.options.configPath,
      data: await this.dataOf(config),
      runDir,
      backend: this.options.backend,
      resume: existsSync(checkpointsDir(runDir)) || existsSync(membersDirectory(runDir)),
      baselines: false,
      signal: this.stop,
      listener: (event) => event.kind !== "prepared" && this.tell(event),
    });
    const value = (await readPointer(runDir, "best"))?.value ?? best.value;
    return { ...best, value, runDir, report };
  }

  /** The first trial is the config as it is. */
  private settingsOf(trial: number): Setting[] {
    return trial === 1 ? [] : drawSettings(this.space, this.options.seed ?? 1, trial);
  }

  private async configOf(trial: number): Promise<Config> {
    const config = trialConfig(this.written, this.settingsOf(trial));
    return evaluatedAtRungs(config, await this.dataOf(config), this.rungs);
  }

  private directoryOf(trial: number): string {
    return join(this.options.runDir, `trial-${trial}`);
  }

  /** The data of a trial. Trials that differ only in the model read the same packed data, which is opened once. */
  private async dataOf(config: Config): Promise<PreparedData> {
    const key = JSON.stringify([config.data, config.features.map(packedPart), config.train.loss]);
    const data = this.prepared.get(key) ?? (await this.prepare(config));
    this.prepared.set(key, data);
    return { ...data, features: withTableSettings(data.features, config.features) };
  }

  private async prepare(config: Config): Promise<PreparedData> {
    const startedAt = performance.now();
    const data = await prepareFor(config, (event) => this.tell(event));
    refuseOneClass(data.splits.train, config.data.label, factsOf(config.train.loss).task.labels);
    this.tell({ kind: "prepared", data, seconds: (performance.now() - startedAt) / 1000 });
    return data;
  }

  /** Until the time is over, less what the best trial needs to its end; infinite without a limit. */
  private get secondsLeft(): number {
    const { minutes } = this.options;
    if (minutes === undefined) return Number.POSITIVE_INFINITY;
    return 60 * minutes - this.seconds - this.secondsOfBest;
  }

  /** An estimate from the trials so far. */
  private get secondsOfBest(): number {
    const [best] = ranked(this.scored);
    if (!best) return 0;
    const sum = (of: (result: TrialResult) => number) =>
      this.results.reduce((total, result) => total + of(result), 0);
    const whole = sum(({ seconds }) => seconds) / sum(({ part }) => part);
    const seeds = membersOf(this.config.train);
    return whole * (seeds ?? 1 - this.rungs[best.rung]);
  }

  private get scored() {
    const sign = directionOf(this.config.train.metric) === "max" ? 1 : -1;
    return this.results.map(({ trial, rung, value }) => ({
      trial,
      rung,
      ...(value !== undefined && { score: sign * value }),
    }));
  }

  private valueOfScore(score: number): number {
    return directionOf(this.config.train.metric) === "max" ? score : -score;
  }

  private get plan(): SearchPlan {
    const { search: _, ...config } = this.config;
    const { rungs, space, options } = this;
    return { metric: config.train.metric, seed: options.seed ?? 1, rungs, space, config };
  }

  private get seconds(): number {
    return (performance.now() - this.startedAt) / 1000;
  }

  private tell(event: SearchEvent): void {
    this.options.listener?.(event);
  }
}

/** A trial whose settings do not work is a result; errors of the disk are not. */
function failureOf(error: unknown): { step: number; failure: string } {
  const isTrials =
    error instanceof PairloomError && !(error instanceof DiskError) && !(error instanceof CheckpointError);
  if (!isTrials) throw error;
  const { where, what } = error.report;
  return { step: 0, failure: where === undefined ? what : `${where}: ${what}` };
}

/** A signal that is given after some seconds; never for an infinite time. */
function timer(seconds: number): { signal: AbortSignal; clear: () => void } {
  const controller = new AbortController();
  const most = 2 ** 31 - 1;
  const timeout = setTimeout(() => controller.abort(), Math.min(most, 1000 * seconds));
  return { signal: controller.signal, clear: () => clearTimeout(timeout) };
}

function refuseNoValid({ data }: Config): void {
  if (data.valid !== undefined || data.split?.valid !== undefined) return;
  throw new ConfigError({
    what: "a search needs a validation split, and there is none",
    where: data.split ? "data.split.valid" : "data.valid",
    got: "nothing",
    expected: "rows to choose the best settings by; the test split is not used for that",
    next: `Add ${data.split ? "data.split.valid" : "data.valid"}.`,
  });
}
