import { z } from "zod";
import { directionOf, isBetter, watchedMetricSchema } from "../metrics/index.js";

/** The `earlyStopping` section of a config: stop when a validation metric no longer improves. */
export const earlyStoppingSchema = z.strictObject({
  /** Its name determines its direction: AUC up, losses down. */
  metric: watchedMetricSchema.default("auc"),
  /** Number of evaluations without improvement after which training stops; 1 stops at the first. */
  patience: z.number().int().positive().default(2),
  /** Minimum change that counts as an improvement. */
  minDelta: z.number().nonnegative().default(0),
});

export type EarlyStopping = z.output<typeof earlyStoppingSchema>;
export type EarlyStoppingInput = z.input<typeof earlyStoppingSchema>;

/** State of early stopping between evaluations; kept in checkpoints. */
export const earlyStoppingStateSchema = z.strictObject({
  best: z.number().nullable(),
  /** The step at which the best value was measured. */
  bestStep: z.number().int().nonnegative().nullable(),
  /** Evaluations since the best. */
  stale: z.number().int().nonnegative(),
});

export type EarlyStoppingState = z.infer<typeof earlyStoppingStateSchema>;
export const initialEarlyStoppingState: EarlyStoppingState = { best: null, bestStep: null, stale: 0 };

/** Returns the state after an evaluation at `step`. Do not call it if the metric is undefined. */
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
