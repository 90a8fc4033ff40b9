import { availableParallelism } from "node:os";
import { type ConfigInput, resolveConfig } from "../config/config.js";
import type { SplitName } from "../data/data-config.js";
import { ConfigError } from "../errors.js";
import { type BackendName, selectBackendOrWarn } from "../saved/backend.js";
import { loadConfig } from "../saved/config-file.js";
import { type CheckpointChoice, findCheckpoint, withCheckpoint } from "../saved/find-checkpoint.js";
import { openModel, type TrainedModel } from "../saved/model.js";
import { newRunDirectory } from "../saved/run-directory.js";
import { INFERENCE_BATCH } from "../train/evaluate.js";
import { type ContinueResult, continueRun } from "./continue/continue-run.js";
import { type PredictResult, predictRun } from "./predict-run.js";
import type { RunEvent } from "./run-event.js";
import { evaluateSource, type SourceEvaluation } from "./score.js";
import { type SearchLimits, type SearchReport, searchRun } from "./search/search.js";
import type { SearchEvent } from "./search/search-event.js";
import { measuredSplit, otherSource, splitPlace, splitSource } from "./sources.js";
import { type RunResult, trainRun } from "./train-run.js";

/** What the commands `train`, `search`, `eval` and `predict` do, for programs: no output, and reports as values. */

export interface TrainOptions {
  /** Default: a new directory in `runs/`. */
  readonly runDir?: string;
  /** Default: native if its core is installed or built, else reference with a warning. */
  readonly backend?: BackendName;
  /** Continue from the latest checkpoint of `runDir`. Default false. */
  readonly resume?: boolean;
  /** Train the model of `runDir` on the rows that are new since then. Default false. */
  readonly continue?: boolean;
  /** With `continue` on a topic: stop where it ends now, instead of waiting for messages until `signal`. Default false. */
  readonly untilEnd?: boolean;
  /** Also train logistic regression on the same features. Default false. */
  readonly baselines?: boolean;
  /** Stops after the current step, with a checkpoint. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: RunEvent) => void;
}

export interface TrainedRun extends RunResult {
  readonly runDir: string;
}

export interface ContinuedRun extends ContinueResult {
  readonly runDir: string;
}

/** `train` with {@link TrainOptions.continue}. */
type Continuing = TrainOptions & { readonly continue: true; readonly runDir: string };

/**
 * Trains a model, measures it on the test split (without one: on the validation split), and saves everything in a run
 * directory. With `continue`, trains the model of a run on new rows.
 * @param config a config, or the path of a config file
 * @throws ConfigError, DataError, CheckpointError, ExecutionError
 */
export function train(config: ConfigInput | string, options: Continuing): Promise<ContinuedRun>;
export function train(
  config: ConfigInput | string,
  options?: TrainOptions & { readonly continue?: false },
): Promise<TrainedRun>;
export async function train(config: ConfigInput | string, options: TrainOptions = {}) {
  const { resume = false, baselines = false, untilEnd = false } = options;
  refuseTogether(options);
  const { written, path: configPath } = await configOf(config);
  const runDir = options.runDir ?? newRunDirectory(configPath ?? DEFAULT_PATH);
  const run = {
    config: resolveConfig(written),
    configPath,
    runDir,
    backend: selectBackendOrWarn(options.backend),
    signal: options.signal ?? new AbortController().signal,
    listener: options.onEvent ?? (() => undefined),
  };
  const result = options.continue
    ? await continueRun({ ...run, untilEnd })
    : await trainRun({ ...run, resume, baselines });
  return { ...result, runDir };
}

function refuseTogether({ continue: goesOn, runDir, resume, baselines, untilEnd }: TrainOptions): void {
  const refuse = (what: string, next: string) => {
    throw new ConfigError({ what, where: "train()", next });
  };
  if (goesOn && runDir === undefined)
    refuse("continue needs the run to go on with", "Set runDir to the directory of a trained run.");
  if (goesOn && (resume || baselines))
    refuse(
      "continue cannot be used with resume or baselines",
      "Remove them: a run goes on from its newest checkpoint.",
    );
  if (untilEnd && !goesOn) refuse("untilEnd is for continue", "Set continue: true, or remove untilEnd.");
}

export interface SearchOptions extends SearchLimits {
  /** The directory of the search and of its trials. Default: a new directory in `runs/`. */
  readonly runDir?: string;
  /** Default: native if its core is installed or built, else reference with a warning. */
  readonly backend?: BackendName;
  /** Go on with the search in `runDir`. Default false. */
  readonly resume?: boolean;
  /** Stops after the current step; a search with `resume` goes on from there. */
  readonly signal?: AbortSignal;
  readonly onEvent?: (event: SearchEvent) => void;
}

export interface SearchedRun extends SearchReport {
  readonly runDir: string;
}

/**
 * Tries settings of a config (its `search` section, or a default space), trains the best on, and measures the best of all
 * on the test split.
 * @param config a config, or the path of a config file
 * @throws ConfigError if there is no validation split, or the space has paths or values that the config does not take;
 * DataError, CheckpointError, ExecutionError
 */
export async function search(
  config: ConfigInput | string,
  { runDir, backend, onEvent, ...options }: SearchOptions = {},
): Promise<SearchedRun> {
  const { written, path: configPath } = await configOf(config);
  const directory = runDir ?? newRunDirectory(configPath ?? DEFAULT_PATH);
  const selected = selectBackendOrWarn(backend);
  const places = { runDir: directory, configPath, backend: selected, listener: onEvent };
  return { ...(await searchRun(written, { ...options, ...places })), runDir: directory };
}

/** New run directories are named after the folder of the config, or else after the current one. */
const DEFAULT_PATH = "pairloom.config.ts";

/** A config as written, and the file that it is from. */
async function configOf(config: ConfigInput | string): Promise<{ written: unknown; path?: string }> {
  return typeof config === "string" ? loadConfig(config) : { written: config };
}

export interface ModelOptions {
  /** Default: the best on the validation split if it was measured, else the latest. A number is a step. */
  readonly checkpoint?: CheckpointChoice;
  /** Default: native if its core is installed or built, else reference with a warning. */
  readonly backend?: BackendName;
  /** Native threads. Default: all processors. */
  readonly threads?: number;
  /** Import the modules that the checkpoint names, if they have not changed since training. Default false. */
  readonly importModules?: boolean;
}

export interface EvaluateOptions extends ModelOptions {
  /** The split of the run's config; default test, or valid if there is no test split. Not with `data`. */
  readonly split?: SplitName;
  /** Labelled files, instead of a split. */
  readonly data?: readonly string[];
  /** With `data`: replaces the `sql` of the config. */
  readonly sql?: string;
}

/**
 * Every metric of a trained model on a split or on other files, and how many rows were used and refused.
 * @param run a run directory, or a checkpoint
 */
export async function evaluate(run: string, options: EvaluateOptions = {}): Promise<SourceEvaluation> {
  const model = await openRun(run, options);
  const { data: files, sql, split = measuredSplit(model.config.data) } = options;
  const source = files
    ? { source: otherSource(model.config.data, { files, sql }) }
    : splitSource(model.config.data, split);
  return evaluateSource(
    model,
    source,
    files ? "data" : splitPlace(model.config.data, split),
    () => undefined,
  );
}

export interface PredictFilesOptions extends ModelOptions {
  /** Files in any format that training reads. */
  readonly data: readonly string[];
  /** Ends in .csv or .parquet. */
  readonly output: string;
  /** Replaces the `sql` of the config, for data without a label. */
  readonly sql?: string;
  /** Columns of the data to keep in the output. */
  readonly columns?: readonly string[];
}

/**
 * Scores files of any size into a file. To score rows in memory, use `load` of `pairloom/serve`.
 * @param run a run directory, or a checkpoint
 */
export async function predict(run: string, options: PredictFilesOptions): Promise<PredictResult> {
  const { data: files, sql, output, columns = [] } = options;
  const model = await openRun(run, options);
  const source = otherSource(model.config.data, { files, sql });
  return predictRun({ model, source, where: "data", output, columns, onRows: () => undefined });
}

function openRun(run: string, options: ModelOptions): Promise<TrainedModel> {
  const { checkpoint: choice, threads = availableParallelism(), importModules } = options;
  const backend = selectBackendOrWarn(options.backend);
  return withCheckpoint(
    () => findCheckpoint(run, choice),
    (checkpoint) => openModel(checkpoint, { backend, maxBatch: INFERENCE_BATCH, threads, importModules }),
  );
}
