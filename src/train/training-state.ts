import { z } from "zod";
import { CheckpointError } from "../errors.js";
import {
  type EarlyStopping,
  earlyStoppingStateSchema,
  initialEarlyStoppingState,
  observeEvaluation,
} from "./early-stopping.js";
import { observeSchedules } from "./learning-rates.js";
import { scheduleStateSchema } from "./schedules.js";
import type { LearningRate } from "./step/optimizer-groups.js";

/** What the loop carries from evaluation to evaluation, besides the parameters and its position. */
const carriedSchema = z.strictObject({
  /** Of the schedules that evaluations have moved, by the name of their learning rate. */
  schedules: z.record(z.string(), scheduleStateSchema),
  earlyStopping: earlyStoppingStateSchema,
});

export type Carried = z.infer<typeof carriedSchema>;

export const initialCarried: Carried = {
  schedules: {},
  earlyStopping: initialEarlyStoppingState,
};

export function parseCarried(value: unknown, where: string): Carried {
  const parsed = carriedSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  throw new CheckpointError({
    what: "the trainer's state is malformed",
    where,
    got: z.prettifyError(parsed.error),
  });
}

/** What evaluations move: the schedules of learning rates, and early stopping. */
export interface Observers {
  readonly rates: readonly LearningRate[];
  readonly earlyStopping?: EarlyStopping;
}

/** The state after an evaluation at `step` that gave these metrics; one that is undefined is left out of them. */
export function observeMetrics(
  { schedules, earlyStopping: state }: Carried,
  { rates, earlyStopping }: Observers,
  step: number,
  metrics: Readonly<Record<string, number>>,
): Carried {
  const watched = earlyStopping && metrics[earlyStopping.metric];
  return {
    schedules: { ...observeSchedules(rates, schedules, metrics) },
    earlyStopping: watched === undefined ? state : observeEvaluation(earlyStopping!, state, step, watched),
  };
}

/** Where a run is: everything random and everything read follows from it. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Epochs completed. */
  readonly epoch: number;
  /** Steps done in the current epoch. */
  readonly epochStep: number;
}

interface Lengths {
  readonly epochs?: number;
  readonly steps?: number;
  /** Steps between evaluations; default an epoch's. */
  readonly evaluateEvery?: number;
  /** Steps between checkpoints, besides those that every evaluation makes. */
  readonly checkpoint: { readonly every?: number };
}

/** Measurements of the training rows, spread over an epoch. */
const LOGS_PER_EPOCH = 20;

/** The lengths of a run, from its config and its data. */
export class Plan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  /** Steps between measurements of the training rows. */
  readonly logEvery: number;
  private readonly evaluateEvery: number;
  private readonly saveEvery: number;

  constructor(
    rows: number,
    /** Rows a step. */
    readonly batchSize: number,
    { epochs, steps, evaluateEvery, checkpoint }: Lengths,
  ) {
    this.stepsPerEpoch = Math.ceil(rows / batchSize);
    this.totalSteps = steps ?? (epochs ?? 1) * this.stepsPerEpoch;
    this.logEvery = Math.max(1, Math.floor(this.stepsPerEpoch / LOGS_PER_EPOCH));
    this.evaluateEvery = evaluateEvery ?? this.stepsPerEpoch;
    this.saveEvery = checkpoint.every ?? this.evaluateEvery;
  }

  /** Steps until something has to happen: the end of the epoch or of the run, an evaluation, a checkpoint. */
  stepsUntilEvent({ step, epochStep }: Position): number {
    const next = [this.evaluateEvery, this.saveEvery].map((every) => every - (step % every));
    return Math.min(this.stepsPerEpoch - epochStep, this.totalSteps - step, ...next);
  }

  evaluatesAt(step: number): boolean {
    return step % this.evaluateEvery === 0 || step === this.totalSteps;
  }

  savesAt(step: number): boolean {
    return step % this.saveEvery === 0 || this.evaluatesAt(step);
  }

  advance({ step, epoch, epochStep }: Position, steps: number): Position {
    const done = epochStep + steps;
    const wrapped = done === this.stepsPerEpoch;
    return { step: step + steps, epoch: wrapped ? epoch + 1 : epoch, epochStep: wrapped ? 0 : done };
  }
}
