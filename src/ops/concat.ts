import { asFp32, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { columnsOf, fp32, innerDims, isRow, rowsLike, sameShape, width } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { elementwise, FREE } from "./cost.js";

/**
 * Concatenates along the first dimension after the batch: [B, n1, …], [B, n2, …] -> [B, n1 + n2, …]. The memory plan
 * lets producers write into the result, so most concatenations cost nothing.
 */
export const concat: Op<NoAttrs> = defineOp({
  kind: "concat",
  opcode: 18,
  execution: "rowwise",
  entries: "rows",
  joins: true,
  operands: "parts:row[*]... -> out:row[*]",
  meaning: "copies the parts that their producers could not write in place",
  cost: elementwise(0),
  infer(inputs) {
    const rest = inputs[0]?.shape.slice(2) ?? [];
    const fits = (t: (typeof inputs)[number]) =>
      t.dtype === "fp32" && isRow(t) && t.shape.length >= 2 && sameShape(t.shape.slice(2), rest);
    checkShapes(
      inputs.length > 0 && inputs.every(fits),
      "concat",
      "row tensors equal but for their second dimension",
      inputs,
    );
    return [
      rowsLike(
        inputs[0],
        inputs.reduce((sum, t) => sum + columnsOf(t), 0),
        ...(rest as number[]),
      ),
    ];
  },
  gradient({ inputs, outputGradients: [dy], apply }) {
    let start = 0;
    return inputs.map((part) => {
      const [size] = innerDims(part);
      start += size;
      return dy && apply(slice, [dy], { start: start - size, size })[0];
    });
  },
  reference({ inputs, outputs, context }) {
    const out = asFp32(outputs[0]).data;
    const stride = out.length / context.rows;
    let start = 0;
    for (const value of inputs) {
      const { data } = asFp32(value);
      const size = data.length / context.rows;
      for (let b = 0; b < context.rows; b++)
        out.set(data.subarray(b * size, (b + 1) * size), b * stride + start);
      start += size;
    }
  },
});

/** A range of the first dimension (after the batch): [B, n, …] -> [B, size, …], or [n, …] -> [size, …]. A view. */
export const slice: Op<{ start: number; size: number }> = defineOp({
  kind: "slice",
  opcode: 19,
  execution: "rowwise",
  entries: "rows",
  viewOffset: ({ outputs: [part], attrs: { start, size } }) => (start * width(part)) / size,
  cost: FREE,
  infer([x], { start, size }) {
    const [n, ...rest] = innerDims(x);
    const inside = start >= 0 && size > 0 && start + size <= n;
    checkShapes(
      x.dtype === "fp32" && inside,
      `slice [${start}, ${start + size})`,
      "a range inside the first dimension",
      [x],
    );
    return [isRow(x) ? rowsLike(x, size, ...rest) : fp32(size, ...rest)];
  },
  gradient({ inputs: [x], outputGradients: [part], attrs: { start } }) {
    if (!part) return [undefined];
    checkShapes(isRow(x), "the gradient of slice", "a row tensor: declare the parts of a weight as weights", [
      x,
    ]);
    return [{ start, part }];
  },
  reference({ node, inputs, outputs, attrs, context }) {
    const x = asFp32(inputs[0]).data;
    const out = asFp32(outputs[0]).data;
    const rows = isRow(node.inputs[0]) ? context.rows : 1;
    const stride = x.length / rows;
    const size = out.length / rows;
    const start = (attrs.start * size) / attrs.size;
    for (let b = 0; b < rows; b++)
      out.set(x.subarray(b * stride + start, b * stride + start + size), b * size);
  },
});
