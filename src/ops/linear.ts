import { asFp32, type DenseValue, defineOp, type Op, type Value } from "../graph/op.js";
import { PRECISIONS, type Precision } from "../graph/precision.js";
import { fp32, rowsLike } from "../graph/tensor.js";
import { roundToBf16 } from "../half.js";
import { ACTIVATIONS, type ActivationFn, activationGrad } from "./activation.js";
import { checkShapes, isFixed, isRows } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { sumRows } from "./sum-rows.js";

/** The precision attribute of a matrix product. The precision pass sets it; models omit it. */
export interface Product {
  readonly precision?: Precision;
}

/** Rounds an operand to this precision. */
function rounded(value: Value, { precision = "fp32" }: Product): DenseValue {
  const operand = asFp32(value);
  return precision === "fp32" ? operand : { ...operand, data: operand.data.map(roundToBf16) };
}

const precisionCode = ({ precision = "fp32" }: Product): number => PRECISIONS.indexOf(precision);

/**
 * Fully connected layer: x [B, K], W [N, K], optional b [N] -> `fn(x W^T + b)` [B, N]. Models use fn "none"; the fusion
 * pass moves an activation into the layer after autodiff. If the slope of a fused activation depends on its input, the
 * gradient recomputes the sum.
 */
export const linear: Op<{ fn: ActivationFn } & Product> = defineOp({
  kind: "linear",
  opcode: 12,
  execution: "rowwise",
  entries: "rows",
  operands: "x:row[k] W:weight[n,k] b:fixed[n]? -> out:row[n]",
  attributes: "fn hasBias precision:flag",
  meaning: "`fn(x W^T + b)`",
  hasPrecision: true,
  cost: ({ shapes }) => {
    const [x, [units], bias] = shapes;
    const additions = shapes.length === 4 ? x[0] * sizeOf(bias) : 0;
    return once(2 * sizeOf(x) * units + additions, shapes);
  },
  infer([x, w, b]) {
    const ok = isRows(x, 2) && isFixed(w, w.shape[0], x.shape[1]);
    checkShapes(
      ok && (b === undefined || isFixed(b, w.shape[0])),
      "linear",
      "x [B, K], W [N, K], b [N]",
      b ? [x, w, b] : [x, w],
    );
    return [rowsLike(x, w.shape[0] as number)];
  },
  gradient({ inputs, outputs: [y], outputGradients: [dy], attrs: { fn, ...product }, apply }) {
    if (!dy) return [];
    const [x, w, b] = inputs;
    const slopeOf = () =>
      ACTIVATIONS[fn].slopeFrom === "output" ? y : apply(linear, inputs, { fn: "none", ...product })[0];
    const dz = fn === "none" ? dy : apply(activationGrad, [dy, slopeOf()], { fn })[0];
    const [dx] = apply(linearGradInput, [dz, w], product);
    const [dw] = apply(linearGradWeight, [dz, x], product);
    return b ? [dx, dw, apply(sumRows, [dz], {})[0]] : [dx, dw];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [x, w] = inputs.slice(0, 2).map((value) => rounded(value, attrs));
    const bias = inputs[2] ? asFp32(inputs[2]).data : undefined;
    const y = asFp32(outputs[0]).data;
    const [n, k] = w.shape;
    const { value } = ACTIVATIONS[attrs.fn];
    for (let b = 0; b < context.rows; b++) {
      for (let i = 0; i < n; i++) {
        let sum = bias ? bias[i] : 0;
        for (let j = 0; j < k; j++) sum += x.data[b * k + j] * w.data[i * k + j];
        y[b * n + i] = value(sum);
      }
    }
  },
  encode: ({ attrs, inputs }) => [
    ACTIVATIONS[attrs.fn].code,
    inputs.length === 3 ? 1 : 0,
    precisionCode(attrs),
  ],
});

/**
 * dz [B, N], W [N, K] -> dx = dz W [B, K]. With s [B, K] the result is multiplied by the slope of `fn` at s, so it is
 * the gradient of the previous layer's sum. Gradient rules omit s; a fusion pass adds it.
 */
export const linearGradInput = defineOp<Product & { fn?: ActivationFn }>({
  kind: "linearGradInput",
  opcode: 13,
  execution: "rowwise",
  entries: "rows",
  operands: "dz:row[n] W:weight[n,k] s:row[k]? -> out:row[k]",
  attributes: "fn hasSlope precision:flag",
  meaning: "`dz W`; with s times fn' at s, as activationGrad has it",
  hasPrecision: true,
  cost: ({ shapes }) =>
    once(2 * sizeOf(shapes[0]) * shapes[1][1] + (shapes.length > 3 ? sizeOf(shapes[2]) : 0), shapes),
  infer([dz, w, s]) {
    const ok = isRows(dz, 2) && w.shape.length === 2 && w.shape[0] === dz.shape[1];
    checkShapes(
      ok && (s === undefined || (isRows(s, 2) && s.shape[1] === w.shape[1])),
      "linearGradInput",
      "dz [B, N], W [N, K], s [B, K]",
      s ? [dz, w, s] : [dz, w],
    );
    return [rowsLike(dz, w.shape[1] as number)];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dz, w] = inputs.slice(0, 2).map((value) => rounded(value, attrs));
    const { gradient } = ACTIVATIONS[attrs.fn ?? "none"];
    const slopes = inputs[2] && asFp32(inputs[2]).data;
    const dx = asFp32(outputs[0]).data;
    const [n, k] = w.shape;
    for (let b = 0; b < context.rows; b++) {
      for (let j = 0; j < k; j++) {
        let sum = 0;
        for (let i = 0; i < n; i++) sum += dz.data[b * n + i] * w.data[i * k + j];
        dx[b * k + j] = slopes ? gradient(sum, slopes[b * k + j]) : sum;
      }
    }
  },
  encode: ({ attrs, inputs }) => [
    ACTIVATIONS[attrs.fn ?? "none"].code,
    inputs.length === 3 ? 1 : 0,
    precisionCode(attrs),
  ],
});

/** dz [B, N], x [B, K] -> dW = dz^T x [N, K], summed over the batch. */
export const linearGradWeight = defineOp<Product>({
  kind: "linearGradWeight",
  opcode: 14,
  execution: "reduces",
  entries: "rows",
  operands: "dz:row[n] x:row[k] -> out:partial[n,k]",
  attributes: "precision:flag",
  meaning: "`dz^T x`",
  hasPrecision: true,
  combine: "sum",
  cost: ({ shapes }) => once(2 * sizeOf(shapes[0]) * shapes[1][1], shapes),
  infer([dz, x]) {
    checkShapes(isRows(dz, 2) && isRows(x, 2), "linearGradWeight", "dz [B, N], x [B, K]", [dz, x]);
    return [fp32(dz.shape[1], x.shape[1])];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dz, x] = inputs.map((value) => rounded(value, attrs));
    const dw = asFp32(outputs[0]);
    const [n, k] = dw.shape;
    for (let i = 0; i < n; i++) {
      for (let j = 0; j < k; j++) {
        let sum = 0;
        for (let b = 0; b < context.rows; b++) sum += dz.data[b * n + i] * x.data[b * k + j];
        dw.data[i * k + j] = sum;
      }
    }
  },
  encode: ({ attrs }) => [precisionCode(attrs)],
});
