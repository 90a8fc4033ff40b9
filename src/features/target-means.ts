/** What a feature learns from labels. Plain JSON, saved with the fitted features. */
export interface TargetMeans {
  /** The mean label of all training rows: for every key that is not listed. */
  readonly prior: number;
  readonly keys: readonly string[];
  /** The smoothed mean label of each key. */
  readonly means: readonly number[];
}

/** How the means of a feature are learned. */
export interface TargetRule {
  /** The mean of all rows counts as much as this many rows of the key. */
  readonly smoothing: number;
  /** Number of folds, used if the rows have no time. */
  readonly folds: number;
  /** The seed of the folds. */
  readonly seed: number;
  /** Only this many keys have a mean, the most frequent. */
  readonly maxKeys: number;
}
