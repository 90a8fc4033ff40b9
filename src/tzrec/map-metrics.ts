import type { TrainInput } from "../train/train-config.js";
import type { IdFeatures } from "./id-features.js";
import type { Section } from "./section.js";

/** Metrics that every evaluation has, where the loss has them. */
const MEASURED = [
  "auc",
  "multiclass_auc",
  "accuracy",
  "mean_absolute_error",
  "mean_squared_error",
  "normalized_entropy",
  "xauc",
];

/** `model_config.metrics` and `train_metrics`. @throws ImportError */
export function mapMetrics(
  model: Section,
  batchSize: number,
  ids: IdFeatures,
): Pick<TrainInput, "groups" | "metricsHalfLife"> {
  const groups = model.sections("metrics").flatMap((metric) => groupedBy(metric, ids));
  if (new Set(groups).size > 1)
    throw model.error("metrics", {
      what: "groups by several features have no counterpart",
      got: groups.join(", "),
      next: "Keep one grouped_auc.",
    });
  return { ...(groups.length > 0 && { groups: { by: groups[0] } }), ...fading(model, batchSize) };
}

/** The feature of a metric within groups. */
function groupedBy(metric: Section, ids: IdFeatures): string[] {
  const name = metric.neededOf("metric");
  const settings = metric.section(name)!;
  if (name === "grouped_auc") return [ids.named(settings, "grouping_key")];
  if (!MEASURED.includes(name))
    throw metric.unsupported(name, `Remove it; ${MEASURED.join(", ")} and others are always measured.`);
  ignoreSettings(name, settings);
  return [];
}

function ignoreSettings(name: string, settings: Section): void {
  if (name === "accuracy") {
    settings.onlyDefault("threshold", 0.5, "Remove it: Pairloom counts a probability above 1/2 as positive.");
    settings.onlyDefault("top_k", 1, "Remove it: Pairloom compares the most probable class.");
  } else if (name === "auc" || name === "multiclass_auc") {
    settings.ignore(["thresholds"], "has no counterpart: Pairloom computes the exact AUC");
    settings.text("average"); // evaluations have both: auc is the macro average, weightedAuc the weighted one
  } else if (name === "xauc") {
    settings.ignore(
      ["sample_ratio", "max_pairs", "in_batch"],
      "has no counterpart: Pairloom compares all pairs",
    );
  } else if (name === "normalized_entropy") {
    settings.ignore(["eta"], "has no counterpart: a split of one class has no normalized entropy");
  }
}

/**
 * In TorchEasyRec older values are multiplied by `decay_rate` every `decay_step` steps; in Pairloom they decay row by row.
 */
function fading(model: Section, batchSize: number): Pick<TrainInput, "metricsHalfLife"> {
  const halfLives = model.sections("train_metrics").map((metric) => {
    const [steps, rate] = [metric.number("decay_step")!, metric.number("decay_rate")!];
    if (rate <= 0 || rate > 1)
      throw metric.error("decay_rate", {
        what: "this rate has no counterpart",
        expected: "a number above 0, and at most 1",
        next: "Change it, or remove train_metrics.",
      });
    const name = metric.which("metric");
    if (name === "recall_at_k")
      throw metric.unsupported(name, "Remove it: ranking models there refuse it too.");
    if (name !== undefined) ignoreSettings(name, metric.section(name)!);
    // With a rate of 1 all rows have equal weight, which is the default.
    return rate === 1
      ? undefined
      : Math.max(1, Math.round((steps * batchSize * Math.log(0.5)) / Math.log(rate)));
  });
  if (halfLives.length === 0) return {};
  const [first] = halfLives;
  model.warn(
    "train_metrics",
    "have one half-life, the first: training shows AUC, or the accuracy of classes, or the absolute error of numbers",
  );
  return first === undefined ? {} : { metricsHalfLife: first };
}
