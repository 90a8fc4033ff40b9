import type { ColumnSet } from "../columns/columns.js";
import { type Direction, type Evaluation, METRICS, type Prediction } from "../metrics/index.js";
import type { TrainedModel } from "../saved/model.js";
import { type MetricSettings, measure, metricSettings, targetsOf } from "../train/evaluate.js";
import type { Importance } from "./report-data.js";
import { featuresRead, type ShuffledScores } from "./shuffled.js";
import { totalEffect } from "./variance.js";

/** The metric whose change is the importance. */
const METRIC_OF = {
  probabilities: "auc",
  classes: "auc",
  numbers: "meanSquaredError",
} as const satisfies Record<Prediction, keyof typeof METRICS>;

/**
 * Permutation importance: how much worse the metric is when a feature has the values of other rows (Breiman, "Random
 * Forests", 2001; Fisher, Rudin & Dominici, "All Models are Wrong, but Many are Useful", 2019), beside the total effect on the
 * model's output, which needs no labels. The most important come first.
 */
export async function permutationImportance(
  model: TrainedModel,
  rows: ColumnSet,
  scores: ShuffledScores,
): Promise<Importance[]> {
  const settings = metricSettings(model.config);
  const metric = METRIC_OF[settings.task.predicts];
  const targets = targetsOf(rows);
  const valuesOf = (logits: Float32Array) =>
    metricByLabel(measure({ logits, ...targets }, settings), metric, settings);
  const before = valuesOf(scores.unshuffled);
  const found: Importance[] = [];
  for (const feature of featuresRead(model)) {
    const shuffled = await scores.logits([feature]);
    const change = changeOf(before, valuesOf(shuffled), METRICS[metric].better);
    found.push({ feature, metric, change, effect: totalEffect(scores, shuffled) });
  }
  return found.sort((a, b) => mean(b.change) - mean(a.change) || b.effect - a.effect);
}

type ByLabel = Readonly<Record<string, number | null>>;

/** Positive where shuffling makes the metric worse. */
function changeOf(before: ByLabel, after: ByLabel, better: Direction): ByLabel {
  const sign = better === "max" ? 1 : -1;
  const changes = Object.entries(before).map(([label, value]) => {
    const other = after[label];
    return [label, value === null || other === null ? null : sign * (value - other)];
  });
  return Object.fromEntries(changes);
}

function metricByLabel(
  evaluation: Evaluation,
  metric: (typeof METRIC_OF)[Prediction],
  { labels }: MetricSettings,
): ByLabel {
  const byLabel = evaluation.labels ?? new Map([[labels[0], evaluation]]);
  return Object.fromEntries(
    [...byLabel].map(([label, of]) => [label, of[metric].defined ? of[metric].value : null]),
  );
}

function mean(change: ByLabel): number {
  const values = Object.values(change).map((value) => value ?? 0);
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
