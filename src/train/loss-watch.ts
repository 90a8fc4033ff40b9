import { z } from "zod";
import { risingLoss } from "./diverged.js";

/**
 * Watches the loss of every step, so that a run that diverges stops early.
 *
 * A loss is high if it exceeds `HIGH` times the running average. `score` counts up for a high loss and down for any
 * other; at `LIMIT` the run stops. A loss that is tenfold its average is high at every step, and stops the run after 30
 * steps. In a healthy run at most one loss in `HIGH` can be high (Markov's inequality, since the average counts each loss
 * up to the bound), so the score falls four times as often as it rises: it reaches 30 with a probability of about 4^-30.
 */

const HIGH = 5;
const LIMIT = 30;
/** Steps over which the average runs. */
const AVERAGE_STEPS = 200;
/** Steps until the average means something. */
const FIRST_STEPS = 20;
/** A loss below this part of the first losses is never high: near zero, rounding alone changes it tenfold. */
const FLOOR = 1e-4;

/** Kept in checkpoints, so that a resumed run stops where an uninterrupted one would. */
export const lossWatchSchema = z.strictObject({
  steps: z.number().int().nonnegative(),
  average: z.number(),
  /** The average of the first steps. */
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
  if (steps < FIRST_STEPS) {
    const mean = average + (loss - average) / (steps + 1);
    return { steps: steps + 1, average: mean, first: mean, score };
  }
  const bound = Math.max(HIGH * average, FLOOR * first);
  const isHigh = loss > bound;
  // At first, later losses count more, so that a loss that begins very high is soon forgotten.
  const over = isHigh ? AVERAGE_STEPS : Math.min((steps + 1) / 2, AVERAGE_STEPS);
  return {
    steps: steps + 1,
    average: average + (Math.min(loss, bound) - average) / over,
    first,
    score: isHigh ? score + 1 : Math.max(0, score - 1),
  };
}
