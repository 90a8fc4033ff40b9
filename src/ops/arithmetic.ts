import { asFp32, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { isRow, rowsLike, width } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { elementwise, folding, once, sizeOf } from "./cost.js";

/** Elementwise sum of two or more tensors of one type, all row tensors or all fixed. */
export const add = defineOp<NoAttrs>({
  kind: "add",
  opcode: 21,
  execution: "rowwise",
  entries: "rows",
  elementwise: true,
  operands: "x:any[n] y:any[n]... -> out:any[n]",
  meaning: "sum from left to right; all operands are rows of equal dims, or all fixed",
  cost: ({ shapes }) => once((shapes.length - 2) * sizeOf(shapes[0]), shapes),
  infer(inputs) {
    const ok = inputs.length >= 2 && inputs.every((t) => t.dtype === "fp32" && sameType(t, inputs[0]));
    checkShapes(ok, "add", "two or more fp32 tensors of one type", inputs);
    return [inputs[0]];
  },
  gradient: ({ inputs, outputGradients: [dy] }) => inputs.map(() => dy),
  reference({ inputs, outputs }) {
    const out = asFp32(outputs[0]).data;
    for (const value of inputs) {
      const { data } = asFp32(value);
      for (let i = 0; i < out.length; i++) out[i] += data[i];
    }
  },
});

/** Elementwise product of two row tensors of one type. */
export const multiply: Op<NoAttrs> = defineOp({
  kind: "multiply",
  opcode: 22,
  execution: "rowwise",
  entries: "rows",
  elementwise: true,
  operands: "a:any[n] b:any[n] -> out:any[n]",
  meaning: "`a * b`",
  cost: elementwise(1),
  infer([a, b]) {
    checkShapes(a.dtype === "fp32" && isRow(a) && sameType(a, b), "multiply", "two row tensors of one type", [
      a,
      b,
    ]);
    return [a];
  },
  gradient({ inputs: [a, b], outputGradients: [dy], apply }) {
    if (!dy) return [];
    return [apply(multiply, [dy, b], {})[0], apply(multiply, [dy, a], {})[0]];
  },
  reference({ inputs, outputs }) {
    const [a, b, out] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    for (let i = 0; i < out.length; i++) out[i] = a[i] * b[i];
  },
});

/** A tensor times a constant. */
export const scale: Op<{ factor: number }> = defineOp({
  kind: "scale",
  opcode: 23,
  execution: "rowwise",
  entries: "rows",
  elementwise: true,
  operands: "x:any[n] -> out:any[n]",
  attributes: "factor:real",
  meaning: "`factor * x`",
  cost: elementwise(1),
  infer([x]) {
    checkShapes(x.dtype === "fp32", "scale", "an fp32 tensor", [x]);
    return [x];
  },
  gradient: ({ outputGradients: [dy], attrs, apply }) => [dy && apply(scale, [dy], attrs)[0]],
  reference({ inputs, outputs, attrs }) {
    const out = asFp32(outputs[0]).data;
    const x = asFp32(inputs[0]).data;
    for (let i = 0; i < out.length; i++) out[i] = x[i] * attrs.factor;
  },
  encode: ({ attrs }) => [attrs.factor],
});

/** Sum within each row: x [B, n] -> [B, 1]. */
export const sumColumns: Op<NoAttrs> = defineOp({
  kind: "sumColumns",
  opcode: 24,
  execution: "rowwise",
  entries: "rows",
  operands: "x:row[n] -> out:row[1]",
  meaning: "sum of each row; the kernel fixes the order",
  cost: folding(1),
  infer([x]) {
    checkShapes(isRows(x, 2), "sumColumns", "x [B, n]", [x]);
    return [rowsLike(x, 1)];
  },
  gradient: ({ inputs: [x], outputGradients: [dy], apply }) => [
    dy && apply(broadcastColumns, [dy], { columns: width(x) })[0],
  ],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]).data;
    const out = asFp32(outputs[0]).data;
    const n = x.length / context.rows;
    for (let b = 0; b < context.rows; b++) for (let i = 0; i < n; i++) out[b] += x[b * n + i];
  },
});

/** Repeats each row's single value: x [B, 1] -> [B, columns]. */
export const broadcastColumns: Op<{ columns: number }> = defineOp({
  kind: "broadcastColumns",
  opcode: 25,
  execution: "rowwise",
  entries: "rows",
  operands: "x:row[1] -> out:row[n]",
  meaning: "each row's value repeated n times",
  cost: elementwise(0),
  infer([x], { columns }) {
    checkShapes(isRows(x, 2) && x.shape[1] === 1, "broadcastColumns", "x [B, 1]", [x]);
    return [rowsLike(x, columns)];
  },
  gradient: ({ outputGradients: [dy], apply }) => [dy && apply(sumColumns, [dy], {})[0]],
  reference({ inputs, outputs, attrs }) {
    const out = asFp32(outputs[0]).data;
    asFp32(inputs[0]).data.forEach((x, b) => void out.fill(x, b * attrs.columns, (b + 1) * attrs.columns));
  },
});
