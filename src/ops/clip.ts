import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32, isRow, type TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed } from "./check.js";
import { elementwise, folding, once, sizeOf } from "./cost.js";

/* Gradient clipping for fixed tensors. For tables see table-clip.ts and the table updates. */

const NUMBER: TensorType = fp32(1);

function isFixedFloat(type: TensorType): boolean {
  return type.dtype === "fp32" && !isRow(type);
}

/** Sum of the squares of all elements: g [ … ] -> [1]. */
export const sumSquares = defineOp<NoAttrs>({
  kind: "sumSquares",
  opcode: 104,
  execution: "fixed",
  operands: "x:fixed[*] -> out:fixed[1]",
  meaning: "sum of the squares of all elements",
  cost: folding(2),
  infer(inputs) {
    checkShapes(inputs.length === 1 && isFixedFloat(inputs[0]), "sumSquares", "a fixed tensor", inputs);
    return [NUMBER];
  },
  reference({ inputs, outputs }) {
    let sum = 0;
    for (const x of asFp32(inputs[0]).data) sum += x * x;
    asFp32(outputs[0]).data[0] = sum;
  },
});

/**
 * The factor that scales gradients to a norm of at most `norm`: sums of squares [ … ] … -> `min(1, norm / (sqrt(sum) +
 * 1e-6))` [1]. Source: Pascanu, Mikolov & Bengio, ICML 2013; the 1e-6 is PyTorch's.
 */
export const clipFactor = defineOp<{ norm: number }>({
  kind: "clipFactor",
  opcode: 105,
  execution: "fixed",
  operands: "sums:fixed[*]... -> out:number",
  attributes: "norm:real",
  meaning: "`min(1, norm / (sqrt(sum) + 1e-6))`, all elements added left to right",
  cost: ({ shapes }) => once(shapes.slice(0, -1).reduce((sum, shape) => sum + sizeOf(shape), 0) + 3, shapes),
  infer(inputs) {
    checkShapes(
      inputs.length > 0 && inputs.every(isFixedFloat),
      "clipFactor",
      "fixed tensors of sums",
      inputs,
    );
    return [NUMBER];
  },
  reference({ inputs, outputs, attrs: { norm } }) {
    let sum = 0;
    for (const value of inputs) for (const part of asFp32(value).data) sum += part;
    asFp32(outputs[0]).data[0] = Math.min(1, norm / (Math.sqrt(sum) + 1e-6));
  },
  encode: ({ attrs }) => [attrs.norm],
});

/** A fixed tensor times a number: g [ … ], factor [1] -> [ … ]. */
export const scaleByNumber = defineOp<NoAttrs>({
  kind: "scaleByNumber",
  opcode: 106,
  execution: "fixed",
  elementwise: true,
  operands: "x:fixed[n] factor:number -> out:fixed[n]",
  meaning: "`factor * x`",
  cost: elementwise(1),
  infer(inputs) {
    const ok = inputs.length === 2 && isFixedFloat(inputs[0]) && isFixed(inputs[1], 1);
    checkShapes(ok, "scaleByNumber", "a fixed tensor and a factor [1]", inputs);
    return [inputs[0]];
  },
  reference({ inputs, outputs }) {
    const [x, [factor], out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let i = 0; i < out.length; i++) out[i] = x[i] * factor;
  },
});

/** Clips each element to ±limit: g [ … ] -> [ … ]; NaN stays NaN. */
export const clipValue = defineOp<{ limit: number }>({
  kind: "clipValue",
  opcode: 107,
  execution: "fixed",
  elementwise: true,
  operands: "x:fixed[n] -> out:fixed[n]",
  attributes: "limit:real",
  meaning: "`min(limit, max(-limit, x))`; NaN stays",
  cost: elementwise(2),
  infer(inputs) {
    checkShapes(inputs.length === 1 && isFixedFloat(inputs[0]), "clipValue", "a fixed tensor", inputs);
    return [inputs[0]];
  },
  reference({ inputs, outputs, attrs: { limit } }) {
    const [x, out] = [inputs[0], outputs[0]].map((v) => asFp32(v).data);
    for (let i = 0; i < out.length; i++) out[i] = Math.min(limit, Math.max(-limit, x[i]));
  },
  encode: ({ attrs }) => [attrs.limit],
});
