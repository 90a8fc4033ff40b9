import { LABEL_COLUMN, WEIGHT_COLUMN } from "../../columns/columns.js";
import { ConfigError } from "../../errors.js";
import { type Graph, GraphBuilder } from "../../graph/graph.js";
import type { Precision } from "../../graph/precision.js";
import { formatType, fp32, type Tensor, width } from "../../graph/tensor.js";
import { Scope, type WeightStart } from "../../layers/scope.js";
import { AUC_BINS } from "../../metrics/index.js";
import { type ModelConfig, modelOf } from "../../models/index.js";
import { type FeatureInfo, ModelFeatures } from "../../models/model.js";
import { add, multiply, scale } from "../../ops/arithmetic.js";
import { sameType } from "../../ops/check.js";
import { batchMean } from "../../ops/loss.js";
import { scoreHistogram } from "../../ops/score-histogram.js";
import { input, type ParameterAttrs, parameter } from "../../ops/sources.js";
import { sumRows } from "../../ops/sum-rows.js";
import { autodiff } from "../../passes/autodiff.js";
import { simplify } from "../../passes/compile.js";
import { inPrecision } from "../../passes/precision.js";
import { translateIds } from "../../passes/translate-ids.js";
import { memberName } from "../members.js";
import { applyOptimizers, type UpdateSettings } from "./apply-optimizers.js";
import { lastBias } from "./last-bias.js";
import type { Head } from "./loss/define-loss.js";
import { factsOf, type Loss, lossOf } from "./loss/index.js";

/** Output names of model graphs. */
export const LOGITS = "logits";
export const LOSS = "loss";
export const LABELS = "labels";
/** The sum of the training metric over the rows of a step [labels], if the task has a mean over rows. */
export const ROW_SUMS = "rowSums";
/** The parameter that counts scores of training rows, if they are probabilities of labels. */
export const SCORE_COUNTS = "@scoreCounts";

/** A model applied to features; the basis of both graphs. */
export interface ModelSpec {
  readonly model: ModelConfig;
  readonly features: readonly FeatureInfo[];
  /** Precision of matrix products; default fp32. */
  readonly precision?: Precision;
  /** Where initial weights come from; default Glorot. */
  readonly initializer?: WeightStart;
  /** Number of model outputs; default 1. */
  readonly outputs?: number;
  /** Number of members whose logits are averaged in inference; default: the model has no members. */
  readonly members?: number;
  /** Converts the model's outputs to logits; absent if they are the logits. */
  readonly head?: Head;
}

export interface TrainingSettings extends UpdateSettings {
  readonly weighted: boolean;
  /** Default: binary cross-entropy. */
  readonly loss?: Loss;
  /** Weights of several labels, in order; default 1 each. */
  readonly labelWeights?: readonly number[];
}

const CROSS_ENTROPY: Loss = { kind: "binaryCrossEntropy", labelSmoothing: 0 };

/**
 * One training step: forward, mean loss over the batch (weighted by the row weights if there are any) with the regularizers
 * of layers, gradients, updates. Outputs: `logits` [B, outputs], `labels` [B, labels], `loss` [1], and `rowSums` [labels] for some tasks.
 */
export function trainingGraph(
  spec: ModelSpec,
  { weighted, loss = CROSS_ENTROPY, labelWeights, ...updates }: TrainingSettings,
): Graph {
  const { task, takesOneLabel, session } = factsOf(loss);
  const builder = new GraphBuilder();
  const { outputs, logits, features, penalties } = forward(builder, spec, "training");
  const labels = numbers(builder, LABEL_COLUMN, takesOneLabel ? 1 : (spec.outputs ?? 1));
  const sessions = session === undefined ? undefined : features.values(session, "train.loss.session");
  const losses = lossOf(builder, loss, { logits: outputs, labels, labelWeights, sessions });
  const weightedLosses = weighted
    ? builder.apply(multiply, [losses, numbers(builder, WEIGHT_COLUMN, 1)], {})[0]
    : losses;
  if (task.rowMean)
    builder.output(ROW_SUMS, builder.apply(sumRows, [task.rowMean.values(builder, logits, labels)], {})[0]);
  else countScores(builder, logits, labels);
  const whole =
    penalties.length === 0 ? weightedLosses : builder.apply(add, [weightedLosses, ...penalties], {})[0];
  builder.output(LOSS, builder.apply(batchMean, [whole], {})[0]);
  builder.output(LOGITS, logits);
  builder.output(LABELS, labels);
  const translated = translateIds(builder.finish(), { admits: true });
  const graph = simplify(applyOptimizers(autodiff(translated, LOSS), updates));
  return inPrecision(graph, spec.precision ?? "fp32");
}

/** Adds the rows of a step to the counts [labels, 2, AUC_BINS] in the parameter SCORE_COUNTS. */
function countScores(builder: GraphBuilder, logits: Tensor, labels: Tensor): void {
  const [counts] = builder.apply(parameter, [], {
    name: SCORE_COUNTS,
    shape: [width(logits), 2, AUC_BINS],
    role: "counts",
    init: { kind: "constant", value: 0 },
    trainable: false,
  });
  builder.apply(scoreHistogram, [counts, logits, labels], {});
}

/** The forward pass only. Output: `logits` [B, outputs], the mean over the members if there are any. */
export function inferenceGraph(spec: ModelSpec): Graph {
  const builder = new GraphBuilder();
  builder.output(LOGITS, meanLogits(builder, spec));
  const translated = translateIds(builder.finish(), { admits: false });
  return inPrecision(simplify(translated), spec.precision ?? "fp32");
}

/** The name of the bias that the model adds last to its outputs; undefined if it has none. */
export function outputBias(spec: ModelSpec): string | undefined {
  const builder = new GraphBuilder();
  const { outputs } = forward(builder, spec, "inference");
  return lastBias(outputs, builder.finish());
}

/** The parameters of a graph, in graph order. */
export function parametersOf(graph: Graph): ParameterAttrs[] {
  return graph.nodes
    .filter((node) => node.op.binds === "parameter")
    .map((node) => node.attrs as ParameterAttrs);
}

/** The names of the columns that a graph reads. */
export function inputNames(graph: Graph): string[] {
  return graph.nodes.filter(({ op }) => op.binds === "input").map(({ attrs }) => attrs.name);
}

function meanLogits(builder: GraphBuilder, spec: ModelSpec): Tensor {
  if (spec.members === undefined) return forward(builder, spec, "inference").logits;
  const inputs = new Map<string, Tensor>();
  const logits = Array.from({ length: spec.members }, (_, k) => {
    const name = memberName(k);
    const features = spec.features.map((feature) => withTranslationOf(name, feature));
    return forward(builder, { ...spec, features }, "inference", { name, inputs }).logits;
  });
  if (logits.length === 1) return logits[0];
  const [sum] = builder.apply(add, logits, {});
  return builder.apply(scale, [sum], { factor: 1 / logits.length })[0];
}

/** Each member has met the ids in an order of its own. */
function withTranslationOf(member: string, feature: FeatureInfo): FeatureInfo {
  if (feature.kind === "number" || !feature.translation) return feature;
  return { ...feature, translation: { ...feature.translation, name: `${member}.${feature.table}` } };
}

/** The model's outputs, and the logits used for predictions. */
interface Forward {
  readonly features: ModelFeatures;
  readonly outputs: Tensor;
  readonly logits: Tensor;
  /** What layers add to the losses of the rows, [B, 1] each. */
  readonly penalties: readonly Tensor[];
}

interface Member {
  /** The prefix of its parameters. */
  readonly name: string;
  /** The inputs that members share, by name. */
  readonly inputs: Map<string, Tensor>;
}

function forward(
  builder: GraphBuilder,
  spec: ModelSpec,
  mode: "training" | "inference",
  member?: Member,
): Forward {
  const { model, head } = spec;
  const root = Scope.root(builder, mode, spec.initializer);
  const scope = member ? root.child(member.name) : root;
  const infos = new Map(spec.features.map((feature) => [feature.name, feature]));
  const features = new ModelFeatures(scope, infos, member?.inputs);
  const count = head?.outputs ?? spec.outputs ?? 1;
  const outputs = modelOf(model).build(features, model, scope, count);
  checkOutputs(outputs, count, model.kind);
  return {
    features,
    outputs,
    logits: head ? head.logits(builder, outputs) : outputs,
    penalties: root.penalties,
  };
}

/** Custom models may not support several outputs. */
function checkOutputs(given: Tensor, outputs: number, kind: string): void {
  if (sameType(given, fp32("B", outputs))) return;
  throw new ConfigError({
    what: "the model's number of outputs does not match the loss",
    where: "model",
    got: `${kind} gives ${formatType(given)}`,
    expected: formatType(fp32("B", outputs)),
    next: "Let the model's last layer have `outputs` units, the fourth argument of its build function.",
  });
}

function numbers(builder: GraphBuilder, name: string, width: number): Tensor {
  return builder.apply(input, [], { name, type: fp32("B", width), limit: 0 })[0];
}
