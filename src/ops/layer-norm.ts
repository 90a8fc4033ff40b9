import { asFp32, defineOp, type Floats } from "../graph/op.js";
import { fp32, isRow, type TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed, sameType } from "./check.js";
import { elementwise, folding } from "./cost.js";

/**
 * Layer normalization over the last dimension: x [B, …, N], gamma, beta [N] ->
 * `(x - mean) / sqrt(variance + eps) * gamma + beta`, with the mean and biased variance of each N numbers.
 * Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.
 */
export const layerNorm = defineOp<{ eps: number }>({
  kind: "layerNorm",
  opcode: 35,
  execution: "rowwise",
  operands: "x:row[~n] gamma:fixed[n] beta:fixed[n] -> out:row[~n]",
  attributes: "eps:real",
  meaning: "`(x-mean)/sqrt(var+eps)*gamma+beta` over the last dim",
  cost: elementwise(8),
  infer([x, gamma, beta]) {
    const ok = isLines(x) && isFixed(gamma, lineOf(x)) && isFixed(beta, lineOf(x));
    checkShapes(ok, "layerNorm", "x [B, …, N], gamma, beta [N]", [x, gamma, beta]);
    return [x];
  },
  gradient({ inputs: [x, gamma], outputGradients: [dy], attrs, apply }) {
    if (!dy) return [];
    const [dx] = apply(layerNormGradInput, [dy, x, gamma], attrs);
    const [dgamma, dbeta] = apply(layerNormGradParams, [dy, x], attrs);
    return [dx, dgamma, dbeta];
  },
  reference({ inputs, outputs, attrs }) {
    const [x, gamma, beta, y] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const n = gamma.length;
    for (let b = 0; b < x.length / n; b++) {
      const { xhat } = standardize(x, b, n, attrs.eps);
      for (let i = 0; i < n; i++) y[b * n + i] = xhat[i] * gamma[i] + beta[i];
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/** dy, x [B, …, N], gamma [N] -> dx [B, …, N]: `(g - mean(g) - xhat mean(g xhat)) / sigma` with `g = dy * gamma`. */
export const layerNormGradInput = defineOp<{ eps: number }>({
  kind: "layerNormGradInput",
  opcode: 36,
  execution: "rowwise",
  operands: "dy:row[~n] x:row[~n] gamma:fixed[n] -> out:row[~n]",
  attributes: "eps:real",
  meaning: "the gradient of layerNorm by x",
  cost: elementwise(14),
  infer([dy, x, gamma]) {
    const ok = isLines(x) && sameType(dy, x) && isFixed(gamma, lineOf(x));
    checkShapes(ok, "layerNormGradInput", "dy, x [B, …, N], gamma [N]", [dy, x, gamma]);
    return [x];
  },
  reference({ inputs, outputs, attrs }) {
    const [dy, x, gamma, dx] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const n = gamma.length;
    for (let b = 0; b < x.length / n; b++) {
      const { xhat, sigma } = standardize(x, b, n, attrs.eps);
      let mean = 0;
      let correlation = 0;
      for (let i = 0; i < n; i++) {
        const g = dy[b * n + i] * gamma[i];
        mean += g / n;
        correlation += (g * xhat[i]) / n;
      }
      for (let i = 0; i < n; i++) {
        dx[b * n + i] = (dy[b * n + i] * gamma[i] - mean - xhat[i] * correlation) / sigma;
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/** dy, x [B, …, N] -> the gradients of gamma [N] (sum of dy * xhat) and beta [N] (sum of dy). */
export const layerNormGradParams = defineOp<{ eps: number }>({
  kind: "layerNormGradParams",
  opcode: 37,
  execution: "reduces",
  operands: "dy:row[~n] x:row[~n] -> dgamma:partial[n] dbeta:partial[n]",
  attributes: "eps:real",
  meaning: "the gradients of layerNorm by gamma and beta",
  combine: "sum",
  cost: folding(9),
  infer([dy, x]) {
    checkShapes(isLines(x) && sameType(dy, x), "layerNormGradParams", "dy, x [B, …, N]", [dy, x]);
    return [fp32(lineOf(x)), fp32(lineOf(x))];
  },
  reference({ inputs, outputs, attrs }) {
    const [dy, x, dgamma, dbeta] = [...inputs, ...outputs].map((v) => asFp32(v).data);
    const n = dgamma.length;
    for (let b = 0; b < x.length / n; b++) {
      const { xhat } = standardize(x, b, n, attrs.eps);
      for (let i = 0; i < n; i++) {
        dgamma[i] += dy[b * n + i] * xhat[i];
        dbeta[i] += dy[b * n + i];
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

function isLines(x: TensorType): boolean {
  return x.dtype === "fp32" && isRow(x) && x.shape.length >= 2;
}

/** The size of the last dimension. */
function lineOf(x: TensorType): number {
  return x.shape.at(-1) as number;
}

function standardize(x: Floats, row: number, n: number, eps: number): { xhat: number[]; sigma: number } {
  const values = Array.from(x.subarray(row * n, (row + 1) * n));
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const sigma = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n + eps);
  return { xhat: values.map((v) => (v - mean) / sigma), sigma };
}
