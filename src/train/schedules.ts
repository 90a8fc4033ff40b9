import { z } from "zod";
import { isBetter, METRIC_DIRECTIONS, MONITORED_METRICS } from "../metrics/metric.js";

/** The `schedule` section of a config: how the learning rate changes from the optimizer's own (the base rate). */
const constantSchema = z.strictObject({ kind: z.literal("constant") });

/** base x rate^(step / steps): TensorFlow's and PyTorch's exponential decay. */
const exponentialSchema = z.strictObject({
  kind: z.literal("exponential"),
  /** Factor by which the rate has shrunk after `steps` steps. */
  rate: z.number().gt(0).max(1),
  steps: z.number().int().positive(),
  /** Hold the rate between multiples of `steps` instead of shrinking it at every step. */
  staircase: z.boolean().default(false),
});

/** Multiplies the rate by `factor` whenever a validation metric has not improved for `patience` evaluations. */
const reduceOnPlateauSchema = z.strictObject({
  kind: z.literal("reduceOnPlateau"),
  metric: z.enum(MONITORED_METRICS).default("auc"),
  factor: z.number().gt(0).lt(1).default(0.1),
  /** Evaluations without improvement that lower the rate; 1 lowers it at the first. */
  patience: z.number().int().positive().default(1),
  /** The rate is never lowered below this. */
  minLearningRate: z.number().nonnegative().default(1e-6),
  /** An improvement is a change for the better by more than this. */
  minDelta: z.number().nonnegative().default(0),
});

export const scheduleSchema = z.discriminatedUnion("kind", [
  constantSchema,
  exponentialSchema,
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

/**
 * The learning rate of a step.
 * @param base the optimizer's learning rate
 * @param step steps done before this one, from 0
 * @param state of reduceOnPlateau; the other schedules do not look at it
 */
export function learningRate(schedule: Schedule, base: number, step: number, state: ScheduleState): number {
  switch (schedule.kind) {
    case "constant":
      return base;
    case "exponential":
      return base * schedule.rate ** decays(step / schedule.steps, schedule.staircase);
    case "reduceOnPlateau": {
      const floor = Math.min(base, schedule.minLearningRate);
      return Math.max(floor, base * schedule.factor ** state.reductions);
    }
  }
}

const decays = (intervals: number, staircase: boolean) => (staircase ? Math.floor(intervals) : intervals);

/** The metric whose validation value {@link observeMetric} wants; undefined when the schedule needs none. */
export const scheduleMetric = (schedule: Schedule) =>
  schedule.kind === "reduceOnPlateau" ? schedule.metric : undefined;

/** The state after one evaluation. An undefined metric is no observation: do not call it then. */
export function observeMetric(schedule: Schedule, state: ScheduleState, value: number): ScheduleState {
  return schedule.kind === "reduceOnPlateau" ? observePlateau(schedule, state, value) : state;
}

function observePlateau(schedule: ReduceOnPlateau, state: ScheduleState, value: number): ScheduleState {
  const direction = METRIC_DIRECTIONS[schedule.metric];
  if (isBetter(value, state.best, direction, schedule.minDelta)) return { ...state, best: value, stale: 0 };
  if (state.stale + 1 < schedule.patience) return { ...state, stale: state.stale + 1 };
  return { ...state, stale: 0, reductions: state.reductions + 1 };
}
