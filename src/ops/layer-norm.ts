import { defineOp, dense, type Floats } from "../graph/op.js";
import { f32 } from "../graph/tensor.js";
import { isFixed, isRows, require, sameType } from "./check.js";

/**
 * Layer normalisation: x [B, N], gamma, beta [N] -> `(x - mean) / sqrt(variance + eps) * gamma + beta`, with each
 * row's own mean and biased variance. Source: Ba, Kiros & Hinton, "Layer Normalization", 2016.
 */
export const layerNorm = defineOp<{ eps: number }>({
  kind: "layerNorm",
  opcode: 35,
  execution: "rowwise",
  infer([x, gamma, beta]) {
    const n = x.shape[1] as number;
    require(isRows(x, 2) && isFixed(gamma, n) && isFixed(beta, n), "layerNorm", "x [B, N], gamma, beta [N]", [
      x,
      gamma,
      beta,
    ]);
    return [x];
  },
  gradient({ inputs: [x, gamma], outputGradients: [dy], attrs, apply }) {
    if (!dy) return [];
    const [dx] = apply(layerNormGradInput, [dy, x, gamma], attrs);
    const [dgamma, dbeta] = apply(layerNormGradParams, [dy, x], attrs);
    return [dx, dgamma, dbeta];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [x, gamma, beta, y] = [...inputs, outputs[0]].map((v) => dense(v).data);
    const n = gamma.length;
    for (let b = 0; b < context.rows; b++) {
      const { xhat } = standardize(x, b, n, attrs.eps);
      for (let i = 0; i < n; i++) y[b * n + i] = xhat[i] * gamma[i] + beta[i];
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

/** dy, x [B, N], gamma [N] -> dx [B, N]: `(g - mean(g) - xhat mean(g xhat)) / sigma` with `g = dy * gamma`. */
export const layerNormGradInput = defineOp<{ eps: number }>({
  kind: "layerNormGradInput",
  opcode: 36,
  execution: "rowwise",
  infer([dy, x, gamma]) {
    require(isRows(x, 2) &&
      sameType(dy, x) &&
      isFixed(gamma, x.shape[1] as number), "layerNormGradInput", "dy, x [B, N], gamma [N]", [dy, x, gamma]);
    return [x];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dy, x, gamma, dx] = [...inputs, outputs[0]].map((v) => dense(v).data);
    const n = gamma.length;
    for (let b = 0; b < context.rows; b++) {
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

/** dy, x [B, N] -> the gradients of gamma [N] (sum of dy * xhat) and beta [N] (sum of dy). */
export const layerNormGradParams = defineOp<{ eps: number }>({
  kind: "layerNormGradParams",
  opcode: 37,
  execution: "reduces",
  combine: "sum",
  infer([dy, x]) {
    require(isRows(x, 2) && sameType(dy, x), "layerNormGradParams", "dy, x [B, N]", [dy, x]);
    return [f32(x.shape[1]), f32(x.shape[1])];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dy, x, dgamma, dbeta] = [...inputs, ...outputs].map((v) => dense(v).data);
    const n = dgamma.length;
    for (let b = 0; b < context.rows; b++) {
      const { xhat } = standardize(x, b, n, attrs.eps);
      for (let i = 0; i < n; i++) {
        dgamma[i] += dy[b * n + i] * xhat[i];
        dbeta[i] += dy[b * n + i];
      }
    }
  },
  encode: ({ attrs }) => [attrs.eps],
});

function standardize(x: Floats, row: number, n: number, eps: number): { xhat: number[]; sigma: number } {
  const values = Array.from(x.subarray(row * n, (row + 1) * n));
  const mean = values.reduce((sum, v) => sum + v, 0) / n;
  const sigma = Math.sqrt(values.reduce((sum, v) => sum + (v - mean) ** 2, 0) / n + eps);
  return { xhat: values.map((v) => (v - mean) / sigma), sigma };
}
