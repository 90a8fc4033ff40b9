import { z } from "zod";
import { risingLoss } from "./diverged.js";

/**
 * Watches the loss of every step, so that a run that diverges stops early.
 *
 * A loss is high if it exceeds `HIGH` times the running average of the losses that are not; `1 + 1 / losses` times as much,
 * because the average of few losses is uncertain. `score` rises by one for a high loss, and falls by two for any other, or
 * to zero while there are few; at `LIMIT` the run stops. So a loss that stays tenfold above its average stops it, one that
 * explodes in the first steps too; a loss that is high for 60 steps, or less than eightfold, stops nothing. The score of a
 * run rises only while more than two thirds of its losses are high.
 */

const HIGH = 8;
const LIMIT = 75;
/** Losses over which the average runs. */
const AVERAGE_LOSSES = 200;
const FEW_LOSSES = 20;
/** A loss below this part of the first one is never high: near zero, rounding alone changes it tenfold. */
const FLOOR = 1e-4;

/** Kept in checkpoints, so that a resumed run stops where an uninterrupted one would. */
export const lossWatchSchema = z.strictObject({
  /** Losses in the average: all but the high ones. */
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
  const bound = Math.max(HIGH * (1 + 1 / steps) * average, FLOOR * first);
  if (loss > bound) return { steps, average, first, score: score + 1 };
  const isFew = steps < FEW_LOSSES;
  // After the first losses later ones count more, so that a loss that begins very high is soon forgotten.
  const over = isFew ? steps + 1 : Math.min((steps + 1) / 2, AVERAGE_LOSSES);
  return {
    steps: steps + 1,
    average: average + (loss - average) / over,
    first,
    score: isFew ? 0 : Math.max(0, score - 2),
  };
}
