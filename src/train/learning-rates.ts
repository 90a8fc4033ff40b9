import {
  initialScheduleState,
  learningRate,
  observeMetric,
  type ScheduleState,
  type ScheduleTime,
  scheduleMetric,
  type TrainingLength,
  untilEnd,
} from "./schedules.js";
import type { LearningRate } from "./step/optimizer-groups.js";

/** States of schedules that depend on evaluations, by the name of their learning rate. */
export type ScheduleStates = Readonly<Record<string, ScheduleState>>;

/** The learning rates of a training of this length: decays to its end get their length. */
export const ratesOver = (rates: readonly LearningRate[], length: TrainingLength): LearningRate[] =>
  rates.map((rate) => ({ ...rate, schedule: untilEnd(rate.schedule, length) }));

/** All learning rates at one step, by name. */
export function ratesAt(
  rates: readonly LearningRate[],
  states: ScheduleStates,
  time: ScheduleTime,
): Record<string, number> {
  return Object.fromEntries(rates.map((rate) => [rate.name, rateAt(rate, states, time)]));
}

/** The learning rates of `steps` steps of one epoch, beginning at `time`: the scalars of a training program. */
export function rateScalars(
  rates: readonly LearningRate[],
  states: ScheduleStates,
  { step, epoch }: ScheduleTime,
  steps: number,
): Map<string, Float32Array> {
  const values = (rate: LearningRate) =>
    Float32Array.from({ length: steps }, (_, i) => rateAt(rate, states, { step: step + i, epoch }));
  return new Map(rates.map((rate) => [rate.name, values(rate)]));
}

/** Returns the states after an evaluation. Undefined metrics change nothing. */
export function observeSchedules(
  rates: readonly LearningRate[],
  states: ScheduleStates,
  metrics: Readonly<Record<string, number>>,
): ScheduleStates {
  const moved = rates.flatMap(({ name, schedule }) => {
    const value = metrics[scheduleMetric(schedule) ?? ""];
    if (value === undefined) return [];
    return [[name, observeMetric(schedule, states[name] ?? initialScheduleState, value)] as const];
  });
  return { ...states, ...Object.fromEntries(moved) };
}

function rateAt({ name, base, schedule }: LearningRate, states: ScheduleStates, time: ScheduleTime): number {
  return learningRate(schedule, base, time, states[name] ?? initialScheduleState);
}
