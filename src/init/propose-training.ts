import type { FeatureInput } from "../features/schema/features.js";
import type { ModelInput } from "../models/index.js";
import { count } from "../show-value.js";
import type { TrainInput } from "../train/train-config.js";
import type { LabelPlan } from "./label.js";

export interface Reasoned<T> {
  readonly value: T;
  readonly reason: string;
}

/** Fewer rows than this are for a linear model. */
const FEW_ROWS = 1_000;
const MANY_ROWS = 1_000_000;
/** What pairs of ids say is learned late: the metric may stand still for some epochs before it improves. */
const PATIENCE = 5;

/** @param rows of the training split */
export function proposeModel(features: readonly FeatureInput[], rows: number): Reasoned<ModelInput> {
  const names = features.map(({ name }) => name);
  if (rows < FEW_ROWS || names.length === 1)
    return {
      value: { kind: "logisticRegression", features: names },
      reason:
        names.length === 1
          ? "One feature: logistic regression."
          : `With ${count(rows)} training rows, a linear model is the safe start. With more, try dcnV2.`,
    };
  const units = rows < 20_000 ? [64, 32] : rows < MANY_ROWS ? [128, 64] : [256, 128];
  return {
    value: {
      kind: "dcnV2",
      features: names,
      embeddingDim: rows < 20_000 ? 8 : 16,
      cross: { layers: 2 },
      deep: { hiddenUnits: units, dropout: rows < MANY_ROWS ? 0.2 : 0 },
    },
    reason: "DCN-v2 multiplies features with each other, beside an MLP. docs/config.md compares the models.",
  };
}

/** @param hasValid whether there is a validation split */
export function proposeTraining(label: LabelPlan, rows: number, hasValid: boolean): Reasoned<TrainInput> {
  const metric = metricOf(label, rows);
  const epochs = epochsOf(rows, hasValid);
  const schedule = epochs === 1 ? { schedule: { kind: "cosine" as const, to: "end" as const } } : {};
  const value: TrainInput = {
    batchSize: batchOf(rows),
    epochs,
    ...(label.task === "classes" && { loss: { kind: "softmaxCrossEntropy", classes: label.classes! } }),
    ...(label.task === "real" && { loss: { kind: "squaredError" } }),
    ...(metric !== "auc" && { metric }),
    optimizer: {
      dense: { kind: "adam", learningRate: epochs === 1 ? 0.002 : 0.001, ...schedule },
      embedding: { kind: "adam", learningRate: epochs === 1 ? 0.008 : 0.005, ...schedule },
    },
    ...(epochs === 1 && { l2: { embedding: 1e-6 } }),
    ...(hasValid && epochs > 1 && { earlyStopping: { metric, patience: PATIENCE } }),
  };
  const length =
    epochs === 1
      ? "With many rows, one epoch in which the rates fall to 0 is enough; a second one often overfits."
      : hasValid
        ? "Few rows are seen several times: training stops when the validation metric no longer improves, and the best checkpoint is kept."
        : "";
  return { value, reason: length };
}

function batchOf(rows: number): number {
  return 2 ** Math.min(12, Math.max(3, Math.floor(Math.log2(rows / 100 + 1)) + 1));
}

/** Without a validation split nothing stops a long training. */
function epochsOf(rows: number, hasValid: boolean): number {
  if (rows >= MANY_ROWS) return 1;
  return hasValid ? (rows < 100_000 ? 30 : 10) : 10;
}

/** An AUC over few rows of one class says little. */
function metricOf({ task, smallestClass }: LabelPlan, rows: number): "auc" | "logLoss" | "meanSquaredError" {
  if (task === "real") return "meanSquaredError";
  return task === "binary" && (smallestClass >= 100 || rows >= FEW_ROWS) ? "auc" : "logLoss";
}
