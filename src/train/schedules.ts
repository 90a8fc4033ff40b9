import { z } from "zod";
import { directionOf, isBetter, watchedMetricSchema } from "../metrics/index.js";

/*
 * The `schedule` section of a config: how the learning rate changes from the optimizer's own (the base rate). Lengths
 * are in steps, or in epochs with `by: "epoch"`; then the rate changes only where an epoch begins. A schedule with a
 * warm-up begins where the warm-up ends: its own time counts from there.
 */

const length = z.number().int().positive();
const floor = z.number().nonnegative().default(0);

/** A straight line from `from` to the base rate over the first `length`. */
const warmupSchema = z.strictObject({
  /** Of the warm-up. */
  length,
  /** The rate of the first step. */
  from: z.number().nonnegative().default(0),
});

const common = {
  /** What lengths count. */
  by: z.enum(["step", "epoch"]).default("step"),
  /** Before the schedule begins. */
  warmup: warmupSchema.optional(),
};

const constantSchema = z.strictObject({ kind: z.literal("constant"), ...common });

/** base x rate^(t / steps): TensorFlow's and PyTorch's exponential decay. */
const exponentialSchema = z.strictObject({
  kind: z.literal("exponential"),
  /** Factor by which the rate has shrunk after `steps`. */
  rate: z.number().gt(0).max(1),
  /** After which the rate has shrunk by that factor. */
  steps: length,
  /** Hold the rate between multiples of `steps` instead of shrinking it all the time. */
  staircase: z.boolean().default(false),
  /** The rate is never lowered below this. */
  minLearningRate: floor,
  ...common,
});

/** The base rate, and from each boundary on the learning rate that belongs to it. */
const manualSchema = z
  .strictObject({
    kind: z.literal("manual"),
    /** Ascending. */
    boundaries: z.array(length).min(1),
    /** One for each boundary. */
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
        message: "give one learning rate for each boundary",
      });
  });

/** Half a cosine from the base rate to the minimum over `steps`, then the minimum. Loshchilov & Hutter, ICLR 2017. */
const cosineSchema = z.strictObject({
  kind: z.literal("cosine"),
  /** Length of the descent. */
  steps: length,
  /** The rate at its end. */
  minLearningRate: floor,
  ...common,
});

/** SGDR: half a cosine over `steps`, again from the base rate over `growth` times as many, and so on. Ibid. */
const cosineRestartsSchema = z.strictObject({
  kind: z.literal("cosineRestarts"),
  /** Length of the first period. */
  steps: length,
  /** How much longer each period is than the one before. */
  growth: z.number().int().min(1).default(1),
  /** The rate at the end of each period. */
  minLearningRate: floor,
  ...common,
});

/** Multiplies the rate by `factor` whenever a validation metric has not improved for `patience` evaluations. */
const reduceOnPlateauSchema = z.strictObject({
  kind: z.literal("reduceOnPlateau"),
  metric: watchedMetricSchema.default("auc"),
  /** What the rate is multiplied by. */
  factor: z.number().gt(0).lt(1).default(0.1),
  /** Evaluations without improvement that lower the rate; 1 lowers it at the first. */
  patience: z.number().int().positive().default(1),
  /** The rate is never lowered below this. */
  minLearningRate: z.number().nonnegative().default(1e-6),
  /** An improvement is a change for the better by more than this. */
  minDelta: z.number().nonnegative().default(0),
  ...common,
});

export const scheduleSchema = z.discriminatedUnion("kind", [
  constantSchema,
  exponentialSchema,
  manualSchema,
  cosineSchema,
  cosineRestartsSchema,
  reduceOnPlateauSchema,
]);

export type Schedule = z.output<typeof scheduleSchema>;
export type ScheduleInput = z.input<typeof scheduleSchema>;
type ReduceOnPlateau = z.output<typeof reduceOnPlateauSchema>;

/** What a schedule carries from evaluation to evaluation; kept in checkpoints. */
export const scheduleStateSchema = z.strictObject({
  /** Best value of the metric so far. */
  best: z.number().nullable(),
  /** Evaluations since it improved or the rate was lowered. */
  stale: z.number().int().nonnegative(),
  /** Times the rate has been lowered. */
  reductions: z.number().int().nonnegative(),
});

export type ScheduleState = z.infer<typeof scheduleStateSchema>;
export const initialScheduleState: ScheduleState = { best: null, stale: 0, reductions: 0 };

/** Steps done before the one at hand, and epochs completed before it. */
export interface ScheduleTime {
  readonly step: number;
  readonly epoch: number;
}

/**
 * The learning rate of a step.
 * @param base the optimizer's learning rate
 * @param state of reduceOnPlateau; the other schedules do not look at it
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
      return halfCosine(base, schedule.minLearningRate, Math.min(1, t / schedule.steps));
    case "cosineRestarts":
      return halfCosine(base, schedule.minLearningRate, shareOfPeriod(t, schedule.steps, schedule.growth));
    case "reduceOnPlateau":
      return atLeast(schedule.minLearningRate, base, base * schedule.factor ** state.reductions);
  }
}

/** A floor that is above the base rate does not raise it. */
const atLeast = (minimum: number, base: number, rate: number) => Math.max(Math.min(base, minimum), rate);

const halfCosine = (base: number, minimum: number, share: number) =>
  minimum + ((base - minimum) * (1 + Math.cos(Math.PI * share))) / 2;

/** How much of its period has passed at time t: periods are `first`, `first growth`, `first growth²`, … long. */
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

/** The metric whose validation value {@link observeMetric} wants; undefined when the schedule needs none. */
export const scheduleMetric = (schedule: Schedule) =>
  schedule.kind === "reduceOnPlateau" ? schedule.metric : undefined;

/** The state after one evaluation. An undefined metric is no observation: do not call it then. */
export function observeMetric(schedule: Schedule, state: ScheduleState, value: number): ScheduleState {
  return schedule.kind === "reduceOnPlateau" ? observePlateau(schedule, state, value) : state;
}

function observePlateau(schedule: ReduceOnPlateau, state: ScheduleState, value: number): ScheduleState {
  const direction = directionOf(schedule.metric);
  if (isBetter(value, state.best, direction, schedule.minDelta)) return { ...state, best: value, stale: 0 };
  if (state.stale + 1 < schedule.patience) return { ...state, stale: state.stale + 1 };
  return { ...state, stale: 0, reductions: state.reductions + 1 };
}
