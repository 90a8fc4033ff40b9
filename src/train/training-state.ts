import { z } from "zod";
import { CheckpointError } from "../errors.js";
import { earlyStoppingStateSchema, initialEarlyStoppingState } from "./early-stopping.js";
import { scheduleStateSchema } from "./schedules.js";

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

/** Where a run is: everything random and everything read follows from it. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Epochs completed. */
  readonly epoch: number;
  /** Steps done in the current epoch. */
  readonly epochStep: number;
}

/** The lengths of a run, from its config and its data. */
export class Plan {
  readonly stepsPerEpoch: number;
  readonly totalSteps: number;
  readonly evaluateEvery: number;

  constructor(
    rows: number,
    /** Rows a step. */
    readonly batchSize: number,
    { epochs, steps, evaluateEvery }: { epochs?: number; steps?: number; evaluateEvery?: number },
  ) {
    this.stepsPerEpoch = Math.ceil(rows / batchSize);
    this.totalSteps = steps ?? (epochs ?? 1) * this.stepsPerEpoch;
    this.evaluateEvery = evaluateEvery ?? this.stepsPerEpoch;
  }

  /** Steps until something has to happen: the epoch's end, the run's, or the next multiple of one of `every`. */
  stepsUntilEvent({ step, epochStep }: Position, every: readonly number[]): number {
    const next = every.map((interval) => interval - (step % interval));
    return Math.min(this.stepsPerEpoch - epochStep, this.totalSteps - step, ...next);
  }

  advance({ step, epoch, epochStep }: Position, steps: number): Position {
    const done = epochStep + steps;
    const wrapped = done === this.stepsPerEpoch;
    return { step: step + steps, epoch: wrapped ? epoch + 1 : epoch, epochStep: wrapped ? 0 : done };
  }
}
