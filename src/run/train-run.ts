import { availableParallelism } from "node:os";
import { relative } from "node:path";
import type { Backend } from "../backends/backend.js";
import { type Checkpoint, RunLock } from "../checkpoint/index.js";
import type { Config } from "../config/config.js";
import type { ColumnSet, PreparedData } from "../data/index.js";
import { agree, fingerprintOf } from "../distributed/agree.js";
import { SOLO, type World } from "../distributed/world.js";
import { recordConfigFile } from "../saved/code.js";
import { findCheckpoint } from "../saved/find-checkpoint.js";
import { checkRunDirectory, refuseFile } from "../saved/resume.js";
import {
  CONFIG_COPY,
  linkLatest,
  QUARANTINE,
  REPORT,
  removeIfEmpty,
  writeJson,
} from "../saved/run-directory.js";
import { defaultLengthText, withDefaultLength } from "../train/default-length.js";
import { metricSettings } from "../train/evaluate.js";
import { refuseUnshared } from "../train/shared-directory.js";
import { factsOf } from "../train/step/loss/index.js";
import type { TrainerOptions, TrainingResult } from "../train/trainer.js";
import { type AnyTrainer, trainerOf } from "../train/trainer-of.js";
import { version } from "../version.js";
import { agreedPlacements } from "./agreed-placements.js";
import { baselineDirectory, evaluateBaseRate, logisticRegressionOf } from "./baselines.js";
import { dataWarnings, sameKeyWarnings, warningText } from "./data-warnings.js";
import { BASE_RATE, LOGISTIC_REGRESSION, modelWarnings } from "./model-warnings.js";
import { refuseUnusedEvaluation } from "./needs-valid.js";
import { refuseOneClass } from "./one-class.js";
import { prepareFor } from "./prepare-for.js";
import { type Measured, measuredReport, type Report, splitReports } from "./report.js";
import type { RunEvent } from "./run-event.js";
import { tableWarnings } from "./table-warnings.js";

export interface TrainRunOptions {
  readonly config: Config;
  readonly runDir: string;
  /** The file that the config is from. */
  readonly configPath?: string;
  /** The values of `--set` (`path=value`), which are part of the config already. */
  readonly settings?: readonly string[];
  /** The data of the config, if it is prepared already. */
  readonly data?: PreparedData;
  readonly backend: Backend;
  /** The threads that the backend uses if the config does not say how many. Default: as many as there are processors. */
  readonly threads?: number;
  /** The ranks that train together; rank 0 alone reports and measures the result. Default: this process. */
  readonly world?: World;
  /** Go on from the run directory's latest checkpoint. */
  readonly resume: boolean;
  /** Train logistic regression on the same features, to compare with. */
  readonly baselines: boolean;
  /** Stops after the current step, with a checkpoint. */
  readonly signal: AbortSignal;
  readonly listener: (event: RunEvent) => void;
}

export interface RunResult {
  readonly interrupted: boolean;
  readonly report: Report;
  readonly results: readonly Measured[];
}

/** Prepares data, trains, compares and writes everything that a run leaves behind. */
export async function trainRun(options: TrainRunOptions): Promise<RunResult> {
  return new Run(options).run();
}

interface Trained {
  readonly name: string;
  readonly trainer: AnyTrainer;
  readonly result: TrainingResult;
  readonly interrupted: boolean;
  /** The measured checkpoint: the best on the validation split, if there is one. */
  readonly checkpoint: Checkpoint;
}

/** The split to measure on: one that neither training nor the choice of a checkpoint has seen, if there is one. */
const heldOutSplit = ({ splits }: PreparedData) =>
  splits.test ? "test" : splits.valid ? "valid" : undefined;

class Run {
  private readonly startedAt = performance.now();
  private readonly world: World;

  constructor(private readonly options: TrainRunOptions) {
    this.world = options.world ?? SOLO;
  }

  async run(): Promise<RunResult> {
    const { runDir } = this.options;
    if (!this.leads) return this.runLocked(undefined);
    refuseFile(runDir);
    try {
      return await RunLock.holding(runDir, (lock) => this.runLocked(lock));
    } finally {
      removeIfEmpty(runDir);
    }
  }

  private get leads(): boolean {
    return this.world.rank === 0;
  }

  private async runLocked(lock: RunLock | undefined): Promise<RunResult> {
    const { config, settings = [], runDir, resume, listener } = this.options;
    refuseUnusedEvaluation(config);
    if (this.leads) await checkRunDirectory(runDir, config, resume ? "resume" : "new", settings);
    await refuseUnshared(this.world, runDir, lock);
    const { labels } = factsOf(config.train.loss).task;
    const prepared = await this.prepare();
    refuseOneClass(prepared.splits.train, config.data.label, labels);
    const prepareSeconds = this.secondsSinceStart();
    listener({ kind: "prepared", data: prepared, seconds: prepareSeconds });
    const warnings = [...dataWarnings(prepared), ...sameKeyWarnings(config)];
    for (const warning of warnings) listener({ kind: "dataWarning", warning });
    const onStart = async () => (this.leads ? this.record(prepared) : undefined);
    const { world } = this;
    const placements = await agreedPlacements(config, prepared, world);
    const place = { runDir, lock, onStart, world, placements };
    const model = await this.train(config.model.kind, config, place, prepared);
    const results = model.interrupted ? [] : await this.measure(model, prepared);
    const measured = this.report(prepared, prepareSeconds, model, results);
    const report = {
      ...measured,
      warnings: [
        ...warnings.map(warningText),
        ...tableWarnings(model.result.tables),
        ...modelWarnings(results),
      ],
    };
    if (this.leads) await writeJson(runDir, REPORT, report);
    return { interrupted: model.interrupted || this.options.signal.aborted, report, results };
  }

  /**
   * Rank 0 reads the data first. The others find what it has packed, where they share a directory of packed data, or pack
   * their own copy.
   */
  private async prepare(): Promise<PreparedData> {
    const { data, config, listener } = this.options;
    const { world } = this;
    if (!this.leads) await world.barrier();
    const prepared = data ?? (await prepareFor(config, listener));
    if (this.leads) await world.barrier();
    // One process has nobody to agree with, and large vocabularies take long to hash.
    if (world.size > 1) await agree(world, factsOfRank(config, prepared));
    return prepared;
  }

  /** Writes what the run begins with. A run that cannot be resumed keeps the files that it has. */
  private async record(prepared: PreparedData): Promise<void> {
    const { config, configPath, runDir, settings = [] } = this.options;
    await writeJson(runDir, CONFIG_COPY, config);
    if (configPath !== undefined) await recordConfigFile(runDir, configPath, settings);
    await writeJson(runDir, QUARANTINE, splitReports(prepared));
    linkLatest(runDir);
  }

  private async train(
    name: string,
    config: Config,
    place: Pick<TrainerOptions, "runDir" | "lock" | "onStart" | "world" | "placements">,
    { features, splits, read }: PreparedData,
  ): Promise<Trained> {
    const { backend, resume, signal, listener } = this.options;
    const data = { rows: splits.train.rows, hasValid: splits.valid !== undefined };
    const train = withDefaultLength(config.train, data);
    const length = defaultLengthText(config.train, data);
    listener({ kind: "trainingStarted", model: name, config: { ...config, train }, length });
    const trainer = trainerOf({
      config,
      features,
      train: splits.train,
      valid: splits.valid,
      read: { position: read },
      backend,
      ...place,
      resume,
      signal,
      listener: ({ seed, ...event }) =>
        listener({ ...event, model: seed === undefined ? name : `${name}, seed ${seed}` }),
    });
    const result = await trainer.run();
    listener({ kind: "trainingEnded", model: name, result });
    const interrupted = result.reason === "interrupted";
    const checkpoint = interrupted ? result.checkpoint : await findCheckpoint(place.runDir);
    return { name, trainer, result, interrupted, checkpoint };
  }

  /** The model and its baselines on the held-out split; fewer where the run is interrupted meanwhile. */
  private async measure(model: Trained, prepared: PreparedData): Promise<Measured[]> {
    const { config, runDir, baselines, signal } = this.options;
    const { splits } = prepared;
    const split = heldOutSplit(prepared);
    if (split === undefined) return [];
    const held = splits[split]!;
    const results = [await this.evaluate(model, split, held)];
    if (!this.leads) return results;
    if (baselines && config.model.kind !== "logisticRegression") {
      const baseline = logisticRegressionOf(config);
      const place = { runDir: baselineDirectory(runDir) };
      const trained = await this.train(LOGISTIC_REGRESSION, baseline, place, prepared);
      if (!trained.interrupted && !signal.aborted) results.push(await this.evaluate(trained, split, held));
    }
    return [
      ...results,
      { name: BASE_RATE, evaluation: evaluateBaseRate(splits.train, held, metricSettings(config)) },
    ];
  }

  private async evaluate(
    { name: model, trainer, checkpoint }: Trained,
    split: string,
    held: ColumnSet,
  ): Promise<Measured> {
    const { listener } = this.options;
    listener({ kind: "evaluationStarted", model, split, rows: held.rows });
    const evaluation = await trainer.evaluate(checkpoint, held, (rows) =>
      listener({ kind: "evaluatedRows", model, rows }),
    );
    listener({ kind: "evaluated", model, split, step: checkpoint.manifest.step, evaluation });
    return { name: model, evaluation };
  }

  private report(
    prepared: PreparedData,
    prepareSeconds: number,
    { trainer, result, checkpoint }: Trained,
    results: readonly Measured[],
  ): Omit<Report, "warnings"> {
    const { backend, config, runDir, threads = availableParallelism() } = this.options;
    const { reason, position, trainRows, trainSeconds } = result;
    return {
      pairloom: version,
      backend: backend.name,
      threads: config.train.threads ?? threads,
      seconds: { prepare: prepareSeconds, train: trainSeconds, total: this.secondsSinceStart() },
      data: splitReports(prepared),
      unassigned: prepared.unassigned,
      keys: prepared.keys,
      parameters: trainer.sizes,
      training: {
        reason,
        step: position.step,
        epoch: position.epoch,
        ...(checkpoint.manifest.members && { members: checkpoint.manifest.members }),
        rows: trainRows,
        samplesPerSecond: trainSeconds === 0 ? 0 : trainRows / trainSeconds,
      },
      checkpoint: relative(runDir, checkpoint.dir),
      ...(Object.keys(result.tables).length > 0 && { tables: result.tables }),
      ...(Object.keys(result.tiers).length > 0 && { tiers: result.tiers }),
      measuredOn: results.length > 0 ? heldOutSplit(prepared) : undefined,
      results: results.map(measuredReport),
    };
  }

  private secondsSinceStart(): number {
    return (performance.now() - this.startedAt) / 1000;
  }
}

/** What must be equal on all ranks, by what it is. */
function factsOfRank(
  { train, ...config }: Config,
  { features, splits }: PreparedData,
): Record<string, string> {
  const data = Object.entries(splits).map(([name, split]) => `${name} ${split?.rows} ${split?.fingerprint}`);
  return {
    "the version of Pairloom": version,
    "the config": fingerprintOf({ ...config, train: { ...train, threads: undefined } }),
    "the data": data.join(", "),
    "the features fitted to the data": fingerprintOf(features),
  };
}
