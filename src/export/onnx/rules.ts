import { elementCount } from "../../checkpoint/safetensors-header.js";
import { innerDims, isRow, type Tensor, type TensorType } from "../../graph/tensor.js";
import type { OpKind, TableUpdateKind } from "../../ops/index.js";
import { ACTIVATION_RULES } from "./activation-rules.js";
import {
  concatEntriesRule,
  entryWeightsRule,
  gatherEntriesRule,
  placeSinusoidsRule,
  poolEntriesRule,
  repeatRowsRule,
  scatterEntriesRule,
  segmentAttentionRule,
  segmentMatmulRule,
  segmentMaxRule,
  segmentOuterRule,
  segmentSoftmaxRule,
  segmentSumRule,
  splitEntriesRule,
  spreadEntriesRule,
  windowSharesRule,
} from "./entries-rules.js";
import { bagRule, inputRule, lookUp, translateRule } from "./lookup-rules.js";
import type { OnnxGraph, Rule } from "./onnx-graph.js";
import { compressedInteractionRule, foldPairsRule, pairsOf } from "./pair-rules.js";

/** The operations that only the graph of a training step has, or that of a bundle, which is an export itself. */
type NotExported =
  | `${string}Grad${string}`
  | TableUpdateKind
  | `quantized${string}`
  | "scalar"
  | "sumRows"
  | "unfoldPairs"
  | "dropout"
  | "logisticNoise"
  | "batchMoments"
  | "updateRunning"
  | "batchMean"
  | "sigmoidCrossEntropy"
  | "focalCrossEntropy"
  | "softmaxCrossEntropy"
  | "sessionLogSumExp"
  | "scoreHistogram"
  | "rightClass"
  | "sgd"
  | "momentum"
  | "adagrad"
  | "rmsprop"
  | "adadelta"
  | "adam"
  | "sumSquares"
  | "clipFactor"
  | "scaleByNumber"
  | "clipValue"
  | "movingAverage"
  | "tableSumSquares";

/** A rule for every operation that the graph of a forward pass can hold. */
export const RULES: Readonly<Record<Exclude<OpKind, NotExported>, Rule>> = {
  input: inputRule,
  parameter: (g, _, { attrs }) => g.parameter(attrs),
  constant: (g, _, { attrs: { value, shape } }) => filled(g, value, shape),
  constantRows: (g, _, { attrs: { value, dims } }) => {
    const size = g.op("Concat", [rowsOf(g), g.ints(dims)], { axis: 0 });
    return g.op("Expand", [filled(g, value, [1, ...dims]), size]);
  },
  translate: translateRule,
  embedding: (g, [table, ids], { inputs }) => lookUp(g, table, ids, inputs[0]),
  embeddingBag: bagRule,
  embedEntries: (g, [table, values], { inputs }) => lookUp(g, table, values, inputs[0]),
  entryWeights: entryWeightsRule,
  windowShares: windowSharesRule,
  placeSinusoids: placeSinusoidsRule,
  segmentSum: segmentSumRule,
  repeatRows: repeatRowsRule,
  segmentSoftmax: segmentSoftmaxRule,
  segmentAttention: segmentAttentionRule,
  segmentMax: segmentMaxRule,
  segmentMatmul: segmentMatmulRule,
  segmentOuter: segmentOuterRule,
  gatherEntries: gatherEntriesRule,
  scatterEntries: scatterEntriesRule,
  poolEntries: poolEntriesRule,
  spreadEntries: spreadEntriesRule,
  concatEntries: concatEntriesRule,
  splitEntries: splitEntriesRule,
  linear: (g, inputs, { attrs: { fn, precision } }) => {
    const [x, w, ...bias] = inputs;
    const operands = precision === "bf16" ? [x, w].map((each) => roundedToBf16(g, each)) : [x, w];
    return ACTIVATION_RULES[fn as keyof typeof ACTIVATION_RULES](
      g,
      g.op("Gemm", [...operands, ...bias], { transB: 1 }),
    );
  },
  activation: (g, [x], { attrs }) => ACTIVATION_RULES[attrs.fn as keyof typeof ACTIVATION_RULES](g, x),
  concat: (g, parts) => g.op("Concat", parts, { axis: 1 }),
  slice: (g, [x], { inputs, attrs: { start, size } }) => {
    const axis = g.ints([isRow(inputs[0]) ? 1 : 0]);
    return g.op("Slice", [x, g.ints([start]), g.ints([start + size]), axis]);
  },
  reshape: (g, [x], { attrs: { dims } }) => reshape(g, x, dims),
  add: (g, inputs) => g.op("Sum", inputs),
  addBias: (g, inputs) => g.op("Add", inputs),
  multiply: (g, inputs) => g.op("Mul", inputs),
  scale: (g, [x], { attrs }) => g.op("Mul", [x, g.float(attrs.factor)]),
  sumColumns: (g, [x]) => g.op("ReduceSum", [x, g.ints([1])], { keepdims: 1 }),
  broadcastColumns: (g, [x], { attrs }) => g.op("Expand", [x, g.ints([1, attrs.columns])]),
  dotInteraction: (g, [x], { inputs }) => {
    const [fields] = innerDims(inputs[0]);
    const products = g.op("MatMul", [x, transposed(g, x, inputs[0])]);
    const places = pairsOf(fields, fields, "above").map(([i, j]) => i * fields + j);
    return g.op("Gather", [reshape(g, products, [fields * fields]), g.ints(places)], { axis: 1 });
  },
  factorizationMachine: (g, [x]) => {
    const sum = (value: string) => g.op("ReduceSum", [value, g.ints([1])], { keepdims: 0 });
    const total = sum(x);
    const square = g.op("Mul", [total, total]);
    const products = g.op("Sub", [square, sum(g.op("Mul", [x, x]))]);
    return g.op("Mul", [products, g.float(0.5)]);
  },
  batchMatmul: (g, [a, b], { inputs, attrs: { transposeA, transposeB } }) => {
    const left = transposeA ? transposed(g, a, inputs[0]) : a;
    const right = transposeB ? transposed(g, b, inputs[1]) : b;
    return g.op("MatMul", [left, right]);
  },
  softmax: (g, [x]) => g.op("Softmax", [x], { axis: -1 }),
  scaleColumns: (g, inputs) => g.op("Mul", inputs),
  transpose: (g, [x], { inputs }) => transposed(g, x, inputs[0]),
  compressedInteraction: compressedInteractionRule,
  foldPairs: foldPairsRule,
  sumInner: (g, [x]) => g.op("ReduceSum", [x, g.ints([2])], { keepdims: 0 }),
  broadcastInner: (g, [x], { attrs: { size } }) =>
    g.op("Expand", [g.op("Unsqueeze", [x, g.ints([2])]), g.ints([1, 1, size])]),
  batchNormalize: (g, [x, mean, variance, gamma, beta], { attrs }) =>
    g.op("BatchNormalization", [x, gamma, beta, mean, variance], { epsilon: { float: attrs.eps } }),
  layerNorm: (g, inputs, { attrs }) =>
    g.op("LayerNormalization", inputs, { axis: -1, epsilon: { float: attrs.eps } }),
};

function filled(g: OnnxGraph, value: number, shape: readonly number[]): string {
  return g.floats(new Float32Array(elementCount(shape)).fill(value), shape);
}

/** The number of rows, as a list of one integer. */
function rowsOf(g: OnnxGraph): string {
  const [first] = g.inputs;
  return g.once("rows", () =>
    first.dims[0] === "rows"
      ? g.op("Shape", [first.name], { start: 0, end: 1 })
      : g.op("Sub", [g.op("Shape", [first.name.replace(/\.values$/, ".offsets")]), g.ints([1])]),
  );
}

/** The first size, of the rows, stays. */
function reshape(g: OnnxGraph, x: string, dims: readonly number[]): string {
  return g.op("Reshape", [x, g.ints([0, ...dims])]);
}

/** Swaps the last two of the dimensions. */
function transposed(g: OnnxGraph, x: string, type: TensorType | Tensor): string {
  return g.op("Transpose", [x], { perm: isRow(type) ? [0, 2, 1] : [1, 0] });
}

function roundedToBf16(g: OnnxGraph, x: string): string {
  return g.cast(g.cast(x, "bf16"), "float");
}
