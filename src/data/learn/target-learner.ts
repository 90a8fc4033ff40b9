import { DataError } from "../../errors.js";
import type { TargetMeans, TargetRule } from "../../features/target-means.js";
import { fullMeans, meanLabel, NO_KEY, trainingMeans } from "./target-values.js";

/** The labels of rows, and what else decides which rows a mean may use. One entry a row. */
export interface TargetRows {
  /** NaN for a label that is refused. */
  readonly labels: ArrayLike<number>;
  readonly weights: ArrayLike<number>;
  /** Absent if the rows have no time. */
  readonly times?: ArrayLike<number>;
}

/** Learns the mean label of each key of a feature. */
export class TargetLearner {
  /** By key: its index, in the order in which keys come. */
  private readonly indices = new Map<string, number>();
  /** By index: how many rows have the key. */
  private readonly counts: number[] = [];
  private readonly keys: number[] = [];
  private readonly labels: number[] = [];
  private readonly weights: number[] = [];
  private times: number[] | undefined;

  constructor(
    private readonly feature: string,
    private readonly rule: TargetRule,
  ) {}

  /** @param keys texts; any other value is no key */
  add(keys: readonly unknown[], { labels, weights, times }: TargetRows): void {
    if (times) this.times ??= [];
    keys.forEach((key, r) => {
      this.keys.push(typeof key === "string" ? this.indexOf(key) : NO_KEY);
      const isCounted = Number.isFinite(labels[r]) && Number.isFinite(weights[r]) && weights[r] > 0;
      this.labels.push(isCounted ? labels[r] : 0);
      this.weights.push(isCounted ? weights[r] : 0);
      if (times) this.times!.push(times[r]);
    });
  }

  private indexOf(key: string): number {
    const index = this.indices.get(key) ?? this.counts.length;
    this.indices.set(key, index);
    this.counts[index] = (this.counts[index] ?? 0) + 1;
    return index;
  }

  /**
   * The means of the keys, and the value of every row that was added, in that order.
   * @throws DataError without a usable label
   */
  learned(): { readonly means: TargetMeans; readonly rows: Float64Array } {
    const kept = this.keptKeys();
    const place = new Map(kept.map(([, index], i) => [index, i]));
    const keys = this.keys.map((index) => place.get(index) ?? NO_KEY);
    const rows = { keys, labels: this.labels, weights: this.weights, times: this.times };
    const prior = meanLabel(rows);
    if (Number.isNaN(prior)) throw noLabel(this.feature);
    const means = fullMeans(rows, kept.length, prior, this.rule.smoothing);
    return {
      means: { prior, keys: kept.map(([key]) => key), means },
      rows: trainingMeans(rows, kept.length, prior, this.rule),
    };
  }

  /** The most frequent keys, in an order that depends on counts and texts only. */
  private keptKeys(): [key: string, index: number][] {
    const { counts } = this;
    return [...this.indices]
      .sort(([a, i], [b, j]) => counts[j] - counts[i] || (a < b ? -1 : 1))
      .slice(0, this.rule.maxKeys);
  }
}

function noLabel(feature: string): DataError {
  return new DataError({
    what: "the training split has no usable label to learn means from",
    where: `features: ${feature}`,
    got: "no row with an accepted label and a weight above 0",
    expected: "at least one such row",
    next: "Check data.label and data.weight.",
  });
}
