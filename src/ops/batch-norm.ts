import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32, innerDims, type Tensor } from "../graph/tensor.js";
import { checkShapes, isFixed, isRows, sameType } from "./check.js";
import { elementwise, folding, updating } from "./cost.js";
import { constant } from "./sources.js";

/*
 * Batch normalization in parts, because its statistics are over rows: moments (a reduction), normalization (row-wise),
 * and one gradient of each kind. Source: Ioffe & Szegedy, "Batch Normalization", 2015.
 */

/** x [B, N] -> mean [N], biased variance [N] over the batch. */
export const batchMoments = defineOp<NoAttrs>({
  kind: "batchMoments",
  opcode: 30,
  execution: "reduces",
  operands: "x:row[n] -> mean:partial[n] M2:partial[n]",
  meaning: "per group: mean and sum of squared deviations (Welford/Chan)",
  combine: "moments",
  cost: folding(4),
  infer([x]) {
    checkShapes(isRows(x, 2), "batchMoments", "x [B, N]", [x]);
    return [fp32(x.shape[1]), fp32(x.shape[1])];
  },
  reference({ inputs, outputs, context: { rows } }) {
    const x = asFp32(inputs[0]).data;
    const mean = asFp32(outputs[0]).data;
    const variance = asFp32(outputs[1]).data;
    const n = mean.length;
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let b = 0; b < rows; b++) sum += x[b * n + i];
      const center = sum / rows;
      let squares = 0;
      for (let b = 0; b < rows; b++) squares += (x[b * n + i] - center) ** 2;
      mean[i] = center;
      variance[i] = squares / rows;
    }
  },
});

/**
 * x [B, N], mean, variance, gamma, beta [N] -> `(x - mean) / sqrt(variance + eps) * gamma + beta`.
 * The gradient treats mean and variance as the batch's own moments when `batchMoments` made them (`training`), and as
 * constants otherwise.
 */
export const batchNormalize = defineOp<{ eps: number; training: boolean }>({
  kind: "batchNormalize",
  opcode: 31,
  execution: "rowwise",
  operands: "x:row[n] mean:fixed[n] var:fixed[n] gamma:fixed[n] beta:fixed[n] -> out:row[n]",
  attributes: "eps:real",
  meaning: "`(x-mean)/sqrt(var+eps)*gamma+beta`",
  cost: elementwise(4),
  infer([x, ...statistics]) {
    const [, n] = x.shape;
    checkShapes(
      isRows(x, 2) && statistics.length === 4 && statistics.every((s) => isFixed(s, n)),
      "batchNormalize",
      "x [B, N], mean, variance, gamma, beta [N]",
      [x, ...statistics],
    );
    return [x];
  },
  gradient({ inputs: [x, mean, variance, gamma], outputGradients: [dy], attrs: { eps, training }, apply }) {
    if (!dy) return [];
    const [sumDy, sumDyXhat] = apply(batchNormGradSums, [dy, x, mean, variance], { eps });
    // Constant statistics contribute nothing to the gradient of x; sums of zero express this.
    const zero = (): Tensor => apply(constant, [], { value: 0, shape: innerDims(mean) })[0];
    const sums = training ? [sumDy, sumDyXhat] : [zero(), zero()];
    const [dx] = apply(batchNormGradInput, [dy, x, mean, variance, gamma, ...sums], { eps });
    return [dx, undefined, undefined, sumDyXhat, sumDy];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [x, mean, variance, gamma, beta, y] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const n = mean.length;
    for (let b = 0; b < context.rows; b++) {
      for (let i = 0; i < n; i++) {
        y[b * n + i] = ((x[b * n + i] - mean[i]) / Math.sqrt(variance[i] + attrs.eps)) * gamma[i] + beta[i];
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/** dy, x [B, N], mean, variance [N] -> sum of dy [N] (beta's gradient), sum of dy * xhat [N] (gamma's). */
export const batchNormGradSums = defineOp<{ eps: number }>({
  kind: "batchNormGradSums",
  opcode: 32,
  execution: "reduces",
  operands: "dy:row[n] x:row[n] mean:fixed[n] var:fixed[n] -> sumDy:partial[n] sumDyXhat:partial[n]",
  attributes: "eps:real",
  meaning: "sums over the rows of dy and of `dy * xhat`, `xhat = (x-mean)/sqrt(var+eps)`",
  combine: "sum",
  cost: folding(5),
  infer([dy, x, mean, variance]) {
    const [, n] = x.shape;
    checkShapes(
      isRows(x, 2) && sameType(dy, x) && isFixed(mean, n) && isFixed(variance, n),
      "batchNormGradSums",
      "dy, x [B, N], mean, variance [N]",
      [dy, x, mean, variance],
    );
    return [fp32(n), fp32(n)];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dy, x, mean, variance, sumDy, sumDyXhat] = [...inputs, ...outputs].map((v) => asFp32(v).data);
    const n = mean.length;
    for (let b = 0; b < context.rows; b++) {
      for (let i = 0; i < n; i++) {
        sumDy[i] += dy[b * n + i];
        sumDyXhat[i] += (dy[b * n + i] * (x[b * n + i] - mean[i])) / Math.sqrt(variance[i] + attrs.eps);
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/** The gradient of x if mean and variance are x's own: `gamma/sigma (dy - sumDy/B - xhat sumDyXhat/B)` [B, N]. */
export const batchNormGradInput = defineOp<{ eps: number }>({
  kind: "batchNormGradInput",
  opcode: 33,
  execution: "rowwise",
  operands:
    "dy:row[n] x:row[n] mean:fixed[n] var:fixed[n] gamma:fixed[n] sumDy:fixed[n] sumDyXhat:fixed[n] -> out:row[n]",
  attributes: "eps:real",
  meaning: "`gamma/sigma * (dy - sumDy/rows - xhat*sumDyXhat/rows)`",
  cost: elementwise(6),
  infer([dy, x, ...statistics]) {
    const [, n] = x.shape;
    checkShapes(
      isRows(x, 2) && sameType(dy, x) && statistics.length === 5 && statistics.every((s) => isFixed(s, n)),
      "batchNormGradInput",
      "dy, x [B, N], mean, variance, gamma, sumDy, sumDyXhat [N]",
      [dy, x, ...statistics],
    );
    return [x];
  },
  reference({ inputs, outputs, attrs, context: { rows } }) {
    const [dy, x, mean, variance, gamma, sumDy, sumDyXhat, dx] = [...inputs, outputs[0]].map(
      (v) => asFp32(v).data,
    );
    const n = mean.length;
    for (let b = 0; b < rows; b++) {
      for (let i = 0; i < n; i++) {
        const sigma = Math.sqrt(variance[i] + attrs.eps);
        const xhat = (x[b * n + i] - mean[i]) / sigma;
        dx[b * n + i] = (gamma[i] / sigma) * (dy[b * n + i] - sumDy[i] / rows - (xhat * sumDyXhat[i]) / rows);
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/**
 * Exponential running statistics: runningMean, runningVariance (parameters), mean, variance [N], updated in place by `r
 * = (1 - momentum) r + momentum x`. The variance is made unbiased, times B / (B - 1), as in PyTorch.
 */
export const updateRunning = defineOp<{ momentum: number }>({
  kind: "updateRunning",
  opcode: 34,
  execution: "fixed",
  operands: "runningMean:param![n] runningVar:param![n] mean:fixed[n] var:fixed[n]",
  attributes: "momentum:real",
  meaning: "`r = (1-momentum) r + momentum x`, variance unbiased by rows/(rows-1) (rows > 1)",
  cost: updating(7, [0, 1]),
  infer(inputs) {
    const [n] = inputs[0].shape;
    checkShapes(
      inputs.length === 4 && inputs.every((t) => isFixed(t, n)),
      "updateRunning",
      "runningMean, runningVariance, mean, variance [N]",
      inputs,
    );
    return [];
  },
  reference({ inputs, attrs: { momentum }, context: { rows } }) {
    const [runningMean, runningVariance, mean, variance] = inputs.map((v) => asFp32(v).data);
    const unbias = rows > 1 ? rows / (rows - 1) : 1;
    for (let i = 0; i < mean.length; i++) {
      runningMean[i] = (1 - momentum) * runningMean[i] + momentum * mean[i];
      runningVariance[i] = (1 - momentum) * runningVariance[i] + momentum * variance[i] * unbias;
    }
  },
  encode: ({ attrs }) => [attrs.momentum],
});
