import { z } from "zod";
import { directionOf, isBetter, watchedMetricSchema } from "../metrics/index.js";

/** The `earlyStopping` section of a config: stop when a validation metric no longer improves. */
export const earlyStoppingSchema = z.strictObject({
  /** Its direction (AUC up, losses down) is known from its name. */
  metric: watchedMetricSchema.default("auc"),
  /** Evaluations without improvement that stop the training; 1 stops at the first. */
  patience: z.number().int().positive().default(2),
  /** An improvement is a change for the better by more than this. */
  minDelta: z.number().nonnegative().default(0),
});

export type EarlyStopping = z.output<typeof earlyStoppingSchema>;
export type EarlyStoppingInput = z.input<typeof earlyStoppingSchema>;

/** What early stopping carries from evaluation to evaluation; kept in checkpoints. */
export const earlyStoppingStateSchema = z.strictObject({
  best: z.number().nullable(),
  /** The step at which the best value was measured. */
  bestStep: z.number().int().nonnegative().nullable(),
  /** Evaluations since then. */
  stale: z.number().int().nonnegative(),
});

export type EarlyStoppingState = z.infer<typeof earlyStoppingStateSchema>;
export const initialEarlyStoppingState: EarlyStoppingState = { best: null, bestStep: null, stale: 0 };

/** The state after an evaluation at `step`. An undefined metric is no observation: do not call it then. */
export function observeEvaluation(
  { metric, minDelta }: EarlyStopping,
  state: EarlyStoppingState,
  step: number,
  value: number,
): EarlyStoppingState {
  const improved = isBetter(value, state.best, directionOf(metric), minDelta);
  return improved ? { best: value, bestStep: step, stale: 0 } : { ...state, stale: state.stale + 1 };
}

export const shouldStop = ({ patience }: EarlyStopping, { stale }: EarlyStoppingState): boolean =>
  stale >= patience;
