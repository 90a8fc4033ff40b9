import { existsSync } from "node:fs";
import { join } from "node:path";
import type { Backend } from "../../backends/backend.js";
import { findLatest, measuredBestFirst } from "../../checkpoint/index.js";
import type { Config } from "../../config/config.js";
import type { PreparedData } from "../../data/index.js";
import { CONFIG_COPY, writeJson } from "../../saved/run-directory.js";
import { rowsPerStep } from "../../train/step/gradient-accumulation.js";
import { Trainer } from "../../train/trainer.js";
import type { TrainingEvent } from "../../train/training-event.js";
import { Plan } from "../../train/training-state.js";

export interface TrialOptions {
  readonly config: Config;
  readonly runDir: string;
  readonly data: PreparedData;
  readonly backend: Backend;
  /** The part of the whole training after which the trial pauses; 1: it ends. */
  readonly until: number;
  readonly signal: AbortSignal;
  readonly onStep: (step: number, steps: number, loss: number) => void;
}

/** A trial that reached the end of its rung. */
export interface TrainedTrial {
  readonly step: number;
  /** The best value of `train.metric`; undefined if it is undefined for this model. */
  readonly value?: number;
}

/**
 * Trains a trial from where it is to the first evaluation at the end of the rung, and leaves a checkpoint. Undefined if it was
 * interrupted before; it then goes on from there, too.
 */
export async function trainTrial(options: TrialOptions): Promise<TrainedTrial | undefined> {
  const { config, runDir, data, backend, until, signal, onStep } = options;
  if (!existsSync(join(runDir, CONFIG_COPY))) await writeJson(runDir, CONFIG_COPY, config);
  const { totalSteps: steps } = planOf(config, data);
  const end = Math.ceil(until * steps);
  // A search that was killed may not have noted what its last trial had reached.
  const before = (await findLatest(runDir)).checkpoint?.manifest.step ?? 0;
  if (before >= end) return { step: before, value: await bestValue(options) };
  const pause = new AbortController();
  let step = before;
  const listener = (event: TrainingEvent): void => {
    if (event.kind === "measured") step = event.position.step;
    if (event.kind === "trained") onStep(step, steps, event.loss);
    if (event.kind === "evaluated" && event.step >= end && end < steps) pause.abort();
  };
  const trainer = new Trainer({
    config,
    features: data.features,
    train: data.splits.train,
    valid: data.splits.valid,
    backend,
    runDir,
    resume: before > 0,
    signal: AbortSignal.any([signal, pause.signal]),
    listener,
  });
  const { reason, position } = await trainer.run();
  if (reason === "interrupted" && !pause.signal.aborted) return undefined;
  return { step: position.step, value: await bestValue(options) };
}

async function bestValue({ runDir, config }: TrialOptions): Promise<number | undefined> {
  const [best] = await measuredBestFirst(runDir, ["model"]);
  return best?.manifest.metrics[config.train.metric];
}

/**
 * A trial is evaluated at the end of each rung. Where the course of training depends on its evaluations, their times stay as
 * they are, and a rung ends at the next one.
 */
export function evaluatedAtRungs(config: Config, data: PreparedData, rungs: readonly number[]): Config {
  const { train } = config;
  const { optimizer, earlyStopping, evaluateEvery } = train;
  const { dense, embedding, overrides } = optimizer;
  const optimizers = [dense, embedding, ...overrides.flatMap((each) => [each.dense, each.embedding])];
  const watches = optimizers.some((each) => each?.schedule?.kind === "reduceOnPlateau");
  if (evaluateEvery !== undefined || earlyStopping || watches) return config;
  const every = Math.ceil(rungs[0] * planOf(config, data).totalSteps);
  return { ...config, train: { ...train, evaluateEvery: every } };
}

const planOf = ({ train }: Config, { splits }: PreparedData): Plan =>
  new Plan(splits.train.rows, rowsPerStep(train), train);
