import { existsSync, readdirSync, realpathSync } from "node:fs";
import { basename, join } from "node:path";
import { checkpointsDir, isLocked } from "../checkpoint/index.js";
import { messageOf, PairloomError } from "../errors.js";
import type { Prediction } from "../metrics/index.js";
import { findCheckpoint, notARun } from "../saved/find-checkpoint.js";
import type { TrainedModel } from "../saved/model.js";
import { CONFIG_COPY, EXPORTS } from "../saved/run-directory.js";
import { METRICS_FILE } from "../train/log/metrics-log.js";
import { factsOf, lossSchema } from "../train/step/loss/index.js";
import { version } from "../version.js";
import { readCurves } from "./curves.js";
import { findings } from "./findings.js";
import type { Part, ReportData, RunState } from "./report-data.js";
import { readConfig, readReport, readSplits } from "./run-files.js";
import { type ScoredRun, type ScoreOptions, scoreRun } from "./score-run.js";
import { withoutRows } from "./shown-config.js";

/** Opens the model of the run. */
export type OpenModel = () => Promise<TrainedModel>;

/**
 * Everything about a run: what its files say, and what scoring says. What cannot be known, because data is gone or the run
 * stopped early, is left out with a reason.
 * @throws CheckpointError if the directory is not a run
 */
export async function gatherReport(
  runDir: string,
  open: OpenModel,
  options: ScoreOptions,
): Promise<ReportData> {
  const logged = await gatherLogged(runDir);
  const { checkpoint, scored, why } = await scoreOrReason(open, options);
  const { instructions } = scored ?? {};
  const { scored: _, instructions: __, ...known } = logged.leftOut;
  const leftOut = {
    ...known,
    ...(why !== undefined && { scored: why }),
    ...(!instructions && { instructions: why ?? NO_TIMES }),
  };
  const data = { ...logged, checkpoint, scored: scored?.scored, instructions, leftOut };
  return { ...data, warnings: [...logged.warnings, ...findings(data)] };
}

const NOT_YET = "This is computed when the training has ended.";
const NO_TIMES =
  "Only the native core tells where the time goes, and this report was made with another backend.";

/** What the files of a run say, at any time of its life. @throws CheckpointError if the directory is not a run */
export async function gatherLogged(runDir: string): Promise<ReportData> {
  const trains = await isLocked(runDir);
  if (!trains) refuseOther(runDir);
  const report = await readReport(runDir);
  const splits = report?.data ?? (await readSplits(runDir));
  const config = (await readConfig(runDir)) ?? (await configOfCheckpoint(runDir));
  const {
    backend,
    threads,
    seconds,
    parameters,
    training,
    results = [],
    measuredOn,
    tables,
    tiers,
  } = report ?? {};
  const state = trains ? "training" : (training?.reason ?? "ended");
  const curves = readCurves(runDir);
  const known = {
    curves: curves.length > 0,
    results: results.length > 0,
    splits: Object.keys(splits).length > 0,
  };
  return {
    pairloom: version,
    run: basename(realpathSync(runDir)),
    model: modelOf(config),
    predicts: predictsOf(config),
    state,
    ...(backend !== undefined &&
      threads !== undefined &&
      seconds &&
      parameters &&
      training && { training: { backend, threads, seconds, parameters, training } }),
    warnings: report?.warnings ?? [],
    curves,
    ...(known.results && { results: { split: measuredOn ?? "held-out", lines: results } }),
    splits,
    ...(tables && { tables }),
    ...(tiers && { tiers }),
    ...exportsOf(runDir),
    config: withoutRows(config),
    leftOut: { ...reasons(known, state), scored: NOT_YET, instructions: NOT_YET },
  };
}

function reasons(known: Readonly<Partial<Record<Part, boolean>>>, state: RunState): ReportData["leftOut"] {
  const unknown = Object.entries(known).filter(([, isKnown]) => !isKnown);
  return Object.fromEntries(unknown.map(([part]) => [part, REASONS[part as keyof typeof REASONS](state)]));
}

const REASONS = {
  curves: (state: RunState) =>
    state === "training"
      ? "No step has been logged yet."
      : "The run has no log of its training: it was not trained by Pairloom, or it stopped before the first step.",
  results: (state: RunState) =>
    state === "training"
      ? "The model is measured at the end of the training."
      : "The model was not measured: the run stopped before its end, or the config has neither a test nor a validation split. `npx pairloom eval` measures it on files with --data.",
  splits: () => "The run has no counts of its rows: it was not trained by Pairloom.",
};

function exportsOf(runDir: string): Pick<ReportData, "exports"> {
  const folder = join(runDir, EXPORTS);
  const exports = existsSync(folder) ? readdirSync(folder).sort() : [];
  return exports.length > 0 ? { exports } : {};
}

const modelOf = (config: unknown): string =>
  String((config as { model?: { kind?: unknown } } | undefined)?.model?.kind ?? "model");

function predictsOf(config: unknown): Prediction {
  const loss = lossSchema.safeParse((config as { train?: { loss?: unknown } } | undefined)?.train?.loss);
  return loss.success ? factsOf(loss.data).task.predicts : "probabilities";
}

async function configOfCheckpoint(runDir: string): Promise<unknown> {
  const checkpoint = await findCheckpoint(runDir).catch(unlessKnown);
  return checkpoint instanceof PairloomError ? undefined : checkpoint.manifest.config;
}

/** @throws CheckpointError unless the directory has files of a run */
function refuseOther(runDir: string): void {
  const files = [CONFIG_COPY, METRICS_FILE].map((name) => join(runDir, name));
  if (![...files, checkpointsDir(runDir)].some((path) => existsSync(path))) throw notARun(runDir);
}

interface Outcome {
  readonly checkpoint?: ReportData["checkpoint"];
  readonly scored?: ScoredRun;
  /** Why nothing was scored. */
  readonly why?: string;
}

async function scoreOrReason(open: OpenModel, options: ScoreOptions): Promise<Outcome> {
  const model = await open().catch(unlessKnown);
  if (model instanceof PairloomError) return { why: `The model could not be opened: ${reasonOf(model)}` };
  const { name, manifest } = model.checkpoint;
  const checkpoint = { name, step: manifest.step, epoch: manifest.epoch };
  const scored = await scoreRun(model, options).catch(unlessKnown);
  if (!(scored instanceof PairloomError)) return { checkpoint, scored };
  return { checkpoint, why: `The rows could not be scored: ${reasonOf(scored)}` };
}

const reasonOf = (error: PairloomError): string =>
  [`${messageOf(error)}.`, error.report.next ?? ""].join(" ").trim();

/** @throws the error itself, if nobody raised it on purpose */
function unlessKnown(error: unknown): PairloomError {
  if (error instanceof PairloomError) return error;
  throw error;
}
