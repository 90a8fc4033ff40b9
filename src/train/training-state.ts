import { join } from "node:path";
import { z } from "zod";
import { type Checkpoint, MANIFEST_FILE } from "../checkpoint/index.js";
import { CheckpointError } from "../errors.js";
import {
  type EarlyStopping,
  earlyStoppingStateSchema,
  initialEarlyStoppingState,
  observeEvaluation,
} from "./early-stopping.js";
import { observeSchedules } from "./learning-rates.js";
import { initialLossWatch, lossWatchSchema } from "./loss-watch.js";
import { scheduleStateSchema, type TrainingLength } from "./schedules.js";
import type { LearningRate } from "./step/optimizer-groups.js";

/** State of the loop between evaluations, besides the parameters and its position. */
const carriedSchema = z.strictObject({
  /** States of schedules that depend on evaluations, by the name of their learning rate. */
  schedules: z.record(z.string(), scheduleStateSchema),
  earlyStopping: earlyStoppingStateSchema,
  /** Absent in checkpoints of versions that did not watch the loss. */
  loss: lossWatchSchema.default(initialLossWatch),
});

/** The next step for a checkpoint whose checksums are right and whose content is not. */
export const WRONG_CHECKPOINT_NEXT =
  "Move this checkpoint away, so that the run resumes from an older one, or train into a new run directory.";

export type Carried = z.infer<typeof carriedSchema>;

export const initialCarried: Carried = {
  schedules: {},
  earlyStopping: initialEarlyStoppingState,
  loss: initialLossWatch,
};

/** While the loss is high, the older checkpoints may be the last sound ones. */
export const mayPrune = ({ loss }: Carried): boolean => loss.score === 0;

/** @throws CheckpointError if it is malformed, or has counted more than the steps of the checkpoint */
export function carriedOf({ dir, manifest: { trainer, step } }: Checkpoint): Carried {
  const where = join(dir, MANIFEST_FILE);
  const parsed = carriedSchema.safeParse(trainer);
  const impossible = parsed.data && countsOf(parsed.data).find(([, count]) => count > step);
  if (impossible)
    throw new CheckpointError({
      what: "the trainer's state is not one of its step",
      where: `${where}: trainer.${impossible[0]}`,
      got: String(impossible[1]),
      expected: `at most ${step}, the steps done`,
      next: WRONG_CHECKPOINT_NEXT,
    });
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: "the trainer's state is malformed",
    where: `${where}: trainer`,
    got: z.prettifyError(parsed.error),
    next: WRONG_CHECKPOINT_NEXT,
  });
}

/** What counts steps, and evaluations, of which there is at most one after a step. */
function countsOf({ schedules, earlyStopping, loss }: Carried): [place: string, count: number][] {
  return [
    ["earlyStopping.bestStep", earlyStopping.bestStep ?? 0],
    ["earlyStopping.stale", earlyStopping.stale],
    ["loss.steps", loss.steps],
    ["loss.score", loss.score],
    ...Object.entries(schedules).flatMap(([name, { stale, reductions }]): [string, number][] => [
      [`schedules.${name}.stale`, stale],
      [`schedules.${name}.reductions`, reductions],
    ]),
  ];
}

/** State that evaluations change: learning-rate schedules and early stopping. */
export interface Observers {
  readonly rates: readonly LearningRate[];
  readonly earlyStopping?: EarlyStopping;
}

/** The state after an evaluation at `step` with these metrics; undefined ones are absent. */
export function observeMetrics(
  { schedules, earlyStopping: state, loss }: Carried,
  { rates, earlyStopping }: Observers,
  step: number,
  metrics: Readonly<Record<string, number>>,
): Carried {
  const watched = earlyStopping && metrics[earlyStopping.metric];
  return {
    schedules: { ...observeSchedules(rates, schedules, metrics) },
    earlyStopping: watched === undefined ? state : observeEvaluation(earlyStopping!, state, step, watched),
    loss,
  };
}

/** The position of a run; it determines every random draw and every row read. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Epochs completed. */
  readonly epoch: number;
  /** Steps done in the current epoch. */
  readonly epochStep: number;
}

/** Before the first step. */
export const BEGINNING: Position = { step: 0, epoch: 0, epochStep: 0 };

interface Lengths {
  readonly epochs?: number;
  readonly steps?: number;
  /** Steps between evaluations; default one epoch. */
  readonly evaluateEvery?: number;
  /** Steps between checkpoints, in addition to one at every evaluation. */
  readonly checkpoint: { readonly every?: number };
  readonly publish?: { readonly every: number };
}

/** Number of measurements of the training rows per epoch. */
const LOGS_PER_EPOCH = 20;

/** Computes the lengths of a run, or of a stretch of it, from its config and data. */
export class Plan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Steps between measurements of the training rows. */
  readonly logEvery: number;
  private readonly evaluateEvery: number;
  private readonly saveEvery: number;
  private readonly publishEvery: number;
  /** Where the plan starts. */
  readonly start: Position;

  constructor(
    rows: number,
    /** Rows per step. */
    readonly batchSize: number,
    { epochs, steps, evaluateEvery, checkpoint, publish }: Lengths,
    start: Position = BEGINNING,
  ) {
    this.start = start;
    this.stepsPerEpoch = Math.ceil(rows / batchSize);
    this.totalSteps = start.step + (steps ?? (epochs ?? 1) * this.stepsPerEpoch);
    this.logEvery = Math.max(1, Math.floor(this.stepsPerEpoch / LOGS_PER_EPOCH));
    this.evaluateEvery = evaluateEvery ?? this.stepsPerEpoch;
    this.saveEvery = checkpoint.every ?? this.evaluateEvery;
    this.publishEvery = publish?.every ?? this.saveEvery;
  }

  get length(): TrainingLength {
    return { steps: this.totalSteps, epochs: Math.ceil(this.totalSteps / this.stepsPerEpoch) };
  }

  /** Steps until the next event: end of the epoch or run, an evaluation, a checkpoint, or a version to publish. */
  stepsUntilEvent({ step, epochStep }: Position): number {
    const done = step - this.start.step;
    const next = [this.evaluateEvery, this.saveEvery, this.publishEvery].map(
      (every) => every - (done % every),
    );
    return Math.min(this.stepsPerEpoch - epochStep, this.totalSteps - step, ...next);
  }

  evaluatesAt(step: number): boolean {
    return (step - this.start.step) % this.evaluateEvery === 0 || step === this.totalSteps;
  }

  savesAt(step: number): boolean {
    return (step - this.start.step) % this.saveEvery === 0 || this.evaluatesAt(step);
  }

  publishesAt(step: number): boolean {
    return (step - this.start.step) % this.publishEvery === 0 || step === this.totalSteps;
  }

  /** The position before a step. */
  at(step: number): Position {
    const done = step - this.start.step;
    const epoch = this.start.epoch + Math.floor(done / this.stepsPerEpoch);
    return { step, epoch, epochStep: done % this.stepsPerEpoch };
  }

  advance({ step, epoch, epochStep }: Position, steps: number): Position {
    const done = epochStep + steps;
    const wrapped = done === this.stepsPerEpoch;
    return { step: step + steps, epoch: wrapped ? epoch + 1 : epoch, epochStep: wrapped ? 0 : done };
  }
}
