import { type Evaluation, formatMetric, isBetter, METRICS } from "../metrics/index.js";
import type { Measured } from "./report.js";

/** The names of the baselines in the results of a run. */
export const BASE_RATE = "base rate";
export const LOGISTIC_REGRESSION = "logistic regression";

/** What it means that a model is no better than a baseline, and what to try. */
interface Comparison {
  /** The metric that decides, for each kind of prediction. */
  readonly metric: { readonly [P in Evaluation["predicts"]]: "auc" | "logLoss" | "meanSquaredError" };
  readonly finding: string;
  advice(model: Evaluation): string;
}

/** An AUC above this orders the rows better than chance, also in a small split. */
const ORDERS_ROWS = 0.55;

const COMPARISONS: Readonly<Record<string, Comparison>> = {
  [BASE_RATE]: {
    metric: { probabilities: "logLoss", classes: "logLoss", numbers: "meanSquaredError" },
    finding: "predicts no better than a constant, the base rate of the training rows",
    advice: ({ auc }) =>
      auc.defined && auc.value > ORDERS_ROWS
        ? "It orders the rows, but its probabilities are too extreme, or too high or low for these rows: train fewer epochs, lower the learning rates or raise train.l2.embedding; if the calibration is far from 1, compare the rate of the label in the splits."
        : "Check that the features are known for new rows and mean the same in every split; then lower the learning rates, and train fewer epochs if the training loss is far below the validation loss.",
  },
  [LOGISTIC_REGRESSION]: {
    metric: { probabilities: "auc", classes: "auc", numbers: "meanSquaredError" },
    finding: "is no better than logistic regression on the same features",
    advice: () =>
      'What it learns beyond single features does not hold for new rows: train fewer epochs, lower the learning rates, raise train.l2.embedding, use a smaller embeddingDim, or a larger vocabulary.minCount against rare ids. Or use the simpler model, kind: "logisticRegression".',
  },
};

/** What the results of a run say against its model, the first of them, in sentences. */
export function modelWarnings([model, ...others]: readonly Measured[]): string[] {
  return others.flatMap((baseline) => {
    const comparison = COMPARISONS[baseline.name];
    return comparison ? warningsAgainst(model, baseline, comparison) : [];
  });
}

/** One warning for each label of the model that is no better than the baseline. */
function warningsAgainst(model: Measured, baseline: Measured, comparison: Comparison): string[] {
  const there = evaluationsOf(baseline.evaluation);
  return [...evaluationsOf(model.evaluation)].flatMap(([label, evaluation]) => {
    const figures = noBetter(evaluation, there.get(label)!, comparison);
    if (figures === undefined) return [];
    const name = label === "" ? model.name : `${model.name} (${label})`;
    return [`${name} ${comparison.finding}: ${figures}. ${comparison.advice(evaluation)}`];
  });
}

/** The figures, if the model is not better; undefined if it is, or if a metric is undefined. */
function noBetter(model: Evaluation, baseline: Evaluation, { metric }: Comparison): string | undefined {
  const name = metric[model.predicts];
  const { title, digits, better } = METRICS[name];
  const [own, other] = [model[name], baseline[name]];
  if (!own.defined || !other.defined || isBetter(own.value, other.value, better)) return undefined;
  return `${title} ${formatMetric(own, digits)} against ${formatMetric(other, digits)}`;
}

const evaluationsOf = (evaluation: Evaluation): ReadonlyMap<string, Evaluation> =>
  evaluation.labels ?? new Map([["", evaluation]]);
