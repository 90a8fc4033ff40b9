import { z } from "zod";
import { risingLoss } from "./diverged.js";

/**
 * Watches the loss of every step, so that a run that diverges stops early.
 *
 * A loss is high if it exceeds `HIGH` times the running average. `score` rises by one for a high loss and falls by two for
 * any other; at `LIMIT` the run stops. A loss that stays tenfold above its average is high at every step: it lifts the
 * average by less than a fifth before the run stops. A loss that is high for 60 steps, or less than eightfold, stops
 * nothing. The score of a run rises only while more than two thirds of its losses are high.
 */

const HIGH = 8;
const LIMIT = 75;
/** Steps over which the average runs; and for high losses. */
const AVERAGE_STEPS = { usual: 200, high: 4000 };
/** Steps until the average means something. Until then a loss is high if it exceeds `HIGH_AT_FIRST` times the first one. */
const FIRST_STEPS = 20;
const HIGH_AT_FIRST = 100;
/** A loss below this part of the first one is never high: near zero, rounding alone changes it tenfold. */
const FLOOR = 1e-4;

/** Kept in checkpoints, so that a resumed run stops where an uninterrupted one would. */
export const lossWatchSchema = z.strictObject({
  steps: z.number().int().nonnegative(),
  average: z.number(),
  /** The first loss that is not 0: that of the weights before the first update. */
  first: z.number(),
  score: z.number().int().nonnegative(),
});
export type LossWatch = z.infer<typeof lossWatchSchema>;

export const initialLossWatch: LossWatch = { steps: 0, average: 0, first: 0, score: 0 };

/**
 * The state after the losses of consecutive steps.
 * @throws DivergedError naming the step at which the loss has been high for too long
 */
export function watchLosses(watch: LossWatch, losses: Float32Array, firstStep: number): LossWatch {
  let state = watch;
  for (let i = 0; i < losses.length; i++) {
    const next = watchLoss(state, losses[i]);
    if (next.score >= LIMIT) throw risingLoss(firstStep + i, losses[i], state.average);
    state = next;
  }
  return state;
}

function watchLoss({ steps, average, first, score }: LossWatch, loss: number): LossWatch {
  if (first === 0) return { steps: loss === 0 ? 0 : 1, average: loss, first: loss, score: 0 };
  const isEarly = steps < FIRST_STEPS;
  const bound = isEarly ? HIGH_AT_FIRST * first : Math.max(HIGH * average, FLOOR * first);
  const isHigh = loss > bound;
  const over = isHigh && !isEarly ? AVERAGE_STEPS.high : usualSteps(steps);
  return {
    steps: steps + 1,
    average: average + (Math.min(loss, bound) - average) / over,
    first,
    score: isHigh ? score + 1 : Math.max(0, score - 2),
  };
}

/** After the first steps, later losses count more at first, so that a loss that begins very high is soon forgotten. */
const usualSteps = (steps: number): number =>
  steps < FIRST_STEPS ? steps + 1 : Math.min((steps + 1) / 2, AVERAGE_STEPS.usual);
