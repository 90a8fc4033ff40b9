import { z } from "zod";
import { directionOf, isBetter, watchedMetricSchema } from "../metrics/index.js";

/*
 * The `schedule` section of a config: how the learning rate changes, relative to the optimizer's own (the base rate).
 * Lengths are in steps, or in epochs with `by: "epoch"`; then the rate changes only at the start of an epoch. After a
 * warm-up, the schedule's time starts at 0.
 */

const length = z.number().int().positive();
const floor = z.number().nonnegative().default(0);

/** Increases linearly from `from` to the base rate over the first `length`. */
const warmupSchema = z.strictObject({
  /** Length of the warm-up. */
  length,
  /** Learning rate of the first step. */
  from: z.number().nonnegative().default(0),
});

const common = {
  /** Unit of lengths. */
  by: z.enum(["step", "epoch"]).default("step"),
  /** Applied before the schedule begins. */
  warmup: warmupSchema.optional(),
};

const constantSchema = z.strictObject({ kind: z.literal("constant"), ...common });

/** base x rate^(t / steps), as the exponential decay of TensorFlow and PyTorch. */
const exponentialSchema = z.strictObject({
  kind: z.literal("exponential"),
  /** Factor of the decay per `steps`. */
  rate: z.number().gt(0).max(1),
  /** Length after which the rate has been multiplied by the factor. */
  steps: length,
  /** Keep the rate constant between multiples of `steps` instead of decaying continuously. */
  staircase: z.boolean().default(false),
  /** Lower bound of the rate. */
  minLearningRate: floor,
  ...common,
});

/** The base rate until the first boundary; at each boundary the rate changes to the next of `learningRates`. */
const manualSchema = z
  .strictObject({
    kind: z.literal("manual"),
    /** Ascending. */
    boundaries: z.array(length).min(1),
    /** One per boundary. */
    learningRates: z.array(z.number().nonnegative()).min(1),
    ...common,
  })
  .superRefine(({ boundaries, learningRates }, context) => {
    if (boundaries.some((boundary, i) => i > 0 && boundary <= boundaries[i - 1]))
      context.addIssue({ code: "custom", path: ["boundaries"], message: "boundaries must ascend" });
    if (boundaries.length !== learningRates.length)
      context.addIssue({
        code: "custom",
        path: ["learningRates"],
        message: "give one learning rate per boundary",
      });
  });

/** A decay that happens once, over a number of steps or over the whole training. */
const decay = {
  /** Length of the decay. */
  steps: length.optional(),
  /** Instead of `steps`: the decay ends with the training, at its last step. */
  to: z.literal("end").optional(),
  /** Final rate. */
  minLearningRate: floor,
  ...common,
};

/** Half a cosine from the base rate to the minimum over `steps`, then the minimum. Loshchilov & Hutter, ICLR 2017. */
const cosineSchema = z.strictObject({ kind: z.literal("cosine"), ...decay }).superRefine(oneLength);

/** A straight line from the base rate to the minimum over `steps`, then the minimum. */
const linearSchema = z.strictObject({ kind: z.literal("linear"), ...decay }).superRefine(oneLength);

function oneLength({ steps, to }: { steps?: number; to?: "end" }, context: z.RefinementCtx): void {
  if ((steps === undefined) === (to === undefined))
    context.addIssue({ code: "custom", message: 'give the length of the decay: either steps, or to: "end"' });
}

/**
 * SGDR: half a cosine over `steps`, then a restart at the base rate with a period `growth` times as long, and so on.
 * Ibid.
 */
const cosineRestartsSchema = z.strictObject({
  kind: z.literal("cosineRestarts"),
  /** Length of the first period. */
  steps: length,
  /** Ratio of each period's length to the previous one. */
  growth: z.number().int().min(1).default(1),
  /** Rate at the end of each period. */
  minLearningRate: floor,
  ...common,
});

/** Multiplies the rate by `factor` whenever a validation metric has not improved for `patience` evaluations. */
const reduceOnPlateauSchema = z.strictObject({
  kind: z.literal("reduceOnPlateau"),
  metric: watchedMetricSchema.default("auc"),
  /** Factor applied to the rate. */
  factor: z.number().gt(0).lt(1).default(0.1),
  /** Number of evaluations without improvement after which the rate is lowered; 1 lowers it at the first. */
  patience: z.number().int().positive().default(1),
  /** Lower bound of the rate. */
  minLearningRate: z.number().nonnegative().default(1e-6),
  /** Minimum change that counts as an improvement. */
  minDelta: z.number().nonnegative().default(0),
  ...common,
});

export const scheduleSchema = z.discriminatedUnion("kind", [
  constantSchema,
  exponentialSchema,
  manualSchema,
  cosineSchema,
  linearSchema,
  cosineRestartsSchema,
  reduceOnPlateauSchema,
]);

export type Schedule = z.output<typeof scheduleSchema>;
export type ScheduleInput = z.input<typeof scheduleSchema>;

/** The length of a training. */
export interface TrainingLength {
  readonly steps: number;
  /** Number of epochs that it begins. */
  readonly epochs: number;
}

/** The schedule with a length in numbers: `to: "end"` becomes what a training of this length leaves after the warm-up. */
export function untilEnd(schedule: Schedule, { steps, epochs }: TrainingLength): Schedule {
  if (!("to" in schedule) || schedule.to === undefined) return schedule;
  const { to: _, ...decay } = schedule;
  const whole = schedule.by === "epoch" ? epochs : steps;
  return { ...decay, steps: Math.max(1, whole - (schedule.warmup?.length ?? 0)) };
}

/** True if the rate falls once and then stays at 0, or has its end at that of a training. */
export function comesToAnEnd(schedule: Schedule): boolean {
  if (schedule.kind !== "cosine" && schedule.kind !== "linear") return false;
  return schedule.to !== undefined || schedule.minLearningRate === 0;
}

type ReduceOnPlateau = z.output<typeof reduceOnPlateauSchema>;

/** State of a schedule between evaluations; kept in checkpoints. */
export const scheduleStateSchema = z.strictObject({
  /** Best value of the metric so far. */
  best: z.number().nullable(),
  /** Evaluations since it improved or the rate was lowered. */
  stale: z.number().int().nonnegative(),
  /** How many times the rate has been lowered. */
  reductions: z.number().int().nonnegative(),
});

export type ScheduleState = z.infer<typeof scheduleStateSchema>;
export const initialScheduleState: ScheduleState = { best: null, stale: 0, reductions: 0 };

/** Completed steps and epochs before the current step. */
export interface ScheduleTime {
  readonly step: number;
  readonly epoch: number;
}

/**
 * The learning rate of a step.
 * @param base the optimizer's learning rate
 * @param state the state of reduceOnPlateau; other schedules ignore it
 */
export function learningRate(
  schedule: Schedule,
  base: number,
  time: ScheduleTime,
  state: ScheduleState,
): number {
  const { warmup } = schedule;
  const elapsed = schedule.by === "epoch" ? time.epoch : time.step;
  if (!warmup) return scheduled(schedule, base, elapsed, state);
  if (elapsed >= warmup.length) return scheduled(schedule, base, elapsed - warmup.length, state);
  return warmup.from + (base - warmup.from) * (elapsed / warmup.length);
}

function scheduled(schedule: Schedule, base: number, t: number, state: ScheduleState): number {
  switch (schedule.kind) {
    case "constant":
      return base;
    case "exponential": {
      const intervals = t / schedule.steps;
      const decays = schedule.staircase ? Math.floor(intervals) : intervals;
      return atLeast(schedule.minLearningRate, base, base * schedule.rate ** decays);
    }
    case "manual":
      return (
        schedule.learningRates[schedule.boundaries.filter((boundary) => t >= boundary).length - 1] ?? base
      );
    case "cosine":
      return halfCosine(base, schedule.minLearningRate, shareOfDecay(schedule, t));
    case "linear":
      return base + (schedule.minLearningRate - base) * shareOfDecay(schedule, t);
    case "cosineRestarts":
      return halfCosine(base, schedule.minLearningRate, shareOfPeriod(t, schedule.steps, schedule.growth));
    case "reduceOnPlateau":
      return atLeast(schedule.minLearningRate, base, base * schedule.factor ** state.reductions);
  }
}

/** A lower bound above the base rate does not raise the rate. */
const atLeast = (minimum: number, base: number, rate: number) => Math.max(Math.min(base, minimum), rate);

/** A decay to the end has its length from {@link untilEnd}; a training without a length does not decay. */
const shareOfDecay = ({ steps = Number.POSITIVE_INFINITY }: { steps?: number }, t: number) =>
  Math.min(1, t / steps);

const halfCosine = (base: number, minimum: number, share: number) =>
  minimum + ((base - minimum) * (1 + Math.cos(Math.PI * share))) / 2;

/**
 * Fraction of the current period completed at time t; periods have lengths `first`, `first growth`, `first growth²`, …
 */
function shareOfPeriod(t: number, first: number, growth: number): number {
  if (growth === 1) return (t % first) / first;
  let start = 0;
  let period = first;
  while (t >= start + period) {
    start += period;
    period *= growth;
  }
  return (t - start) / period;
}

/** The metric that {@link observeMetric} needs from the validation split; undefined if the schedule needs none. */
export const scheduleMetric = (schedule: Schedule) =>
  schedule.kind === "reduceOnPlateau" ? schedule.metric : undefined;

/** Returns the state after an evaluation. Do not call it if the metric is undefined. */
export function observeMetric(schedule: Schedule, state: ScheduleState, value: number): ScheduleState {
  return schedule.kind === "reduceOnPlateau" ? observePlateau(schedule, state, value) : state;
}

function observePlateau(schedule: ReduceOnPlateau, state: ScheduleState, value: number): ScheduleState {
  const direction = directionOf(schedule.metric);
  if (isBetter(value, state.best, direction, schedule.minDelta)) return { ...state, best: value, stale: 0 };
  if (state.stale + 1 < schedule.patience) return { ...state, stale: state.stale + 1 };
  return { ...state, stale: 0, reductions: state.reductions + 1 };
}
