import { asFp32, type BagValue, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { fp32, width } from "../graph/tensor.js";
import { sides } from "./batch-matmul.js";
import { checkShapes, isRows } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { isOfBag } from "./segment-sum.js";

/*
 * A matrix for each row of the batch, which multiplies the row's entries. Its gradient is the sum of the outer products of
 * the entries and what they gave. A bias [B, N] for each row is added with `repeatRows`.
 */

export interface SegmentMatmulAttrs {
  readonly transpose: boolean;
}

/**
 * Entries times the matrix of their row: x [L, K], w [B, K, N] and the bag [B] of the sequence -> [L, N], `y_i = x_i W_b` for the
 * entries i of row b. With `transpose` w is [B, N, K], and `y_i = x_i W_b^T`.
 */
export const segmentMatmul: Op<SegmentMatmulAttrs> = defineOp({
  kind: "segmentMatmul",
  opcode: 172,
  execution: "rowwise",
  entries: "chunks",
  operands: "x:entry[*] w:batch[*] bag:samples -> out:entry[*]",
  attributes: "transpose:flag",
  meaning: "`x_i W_b` for the entries i of row b, [k] times [k,n]; the flag transposes the matrix: [n,k]",
  cost: ({ shapes: [x, w, bag, out] }) => once(2 * sizeOf(x) * out[1], [x, w, bag, out]),
  infer([x, w, bag], { transpose }) {
    const isMatrix = isRows(w, 3) && w.shape[0] === "B";
    const [k, n] = isMatrix ? sides(w, transpose) : [0, 0];
    const ok = isMatrix && isOfBag(x, bag) && width(x) === k;
    checkShapes(ok, "segmentMatmul", "x [L, K], w [B, K, N] (or transposed), the bag [B] of x", [x, w, bag]);
    return [{ dtype: "fp32", shape: [x.shape[0], n] }];
  },
  gradient({ inputs: [x, w, bag], outputGradients: [dy], attrs: { transpose }, apply }) {
    if (!dy) return [];
    const [dx] = apply(segmentMatmul, [dy, w, bag], { transpose: !transpose });
    const [dw] = apply(segmentOuter, transpose ? [dy, x, bag] : [x, dy, bag], {});
    return [dx, dw, undefined];
  },
  reference({ node, inputs, outputs, attrs: { transpose } }) {
    const [x, w] = inputs.slice(0, 2).map((value) => asFp32(value).data);
    const y = asFp32(outputs[0]).data;
    const [k, n] = sides(node.inputs[1], transpose);
    const { offsets } = inputs[2] as BagValue;
    for (let b = 0; b + 1 < offsets.length; b++) {
      for (let i = offsets[b]; i < offsets[b + 1]; i++) {
        for (let p = 0; p < k; p++) {
          for (let j = 0; j < n; j++)
            y[i * n + j] += x[i * k + p] * w[b * k * n + (transpose ? j * k + p : p * n + j)];
        }
      }
    }
  },
  encode: ({ attrs }) => [attrs.transpose ? 1 : 0],
});

/** The outer products of each row's entries: x [L, K], y [L, N] and their bag [B] -> [B, K, N], `sum_i x_i^T y_i`. */
export const segmentOuter: Op<NoAttrs> = defineOp({
  kind: "segmentOuter",
  opcode: 173,
  execution: "rowwise",
  entries: "chunks",
  operands: "x:entry[*] y:entry[*] bag:samples -> out:batch[*]",
  meaning: "the sum of `x_i^T y_i` over the entries of each row, in order; zeros for a row without entries",
  cost: ({ shapes: [x, y, bag, out] }) => once(2 * sizeOf(x) * y[1], [x, y, bag, out]),
  infer([x, y, bag]) {
    const ok = isOfBag(x, bag) && isOfBag(y, bag);
    checkShapes(ok, "segmentOuter", "x [L, K], y [L, N], their bag [B]", [x, y, bag]);
    return [fp32("B", width(x), width(y))];
  },
  gradient({ inputs: [x, y, bag], outputGradients: [dz], apply }) {
    if (!dz) return [];
    const [dx] = apply(segmentMatmul, [y, dz, bag], { transpose: true });
    const [dy] = apply(segmentMatmul, [x, dz, bag], { transpose: false });
    return [dx, dy, undefined];
  },
  reference({ node, inputs, outputs }) {
    const [x, y] = inputs.slice(0, 2).map((value) => asFp32(value).data);
    const z = asFp32(outputs[0]).data;
    const [k, n] = [width(node.inputs[0]), width(node.inputs[1])];
    const { offsets } = inputs[2] as BagValue;
    for (let b = 0; b + 1 < offsets.length; b++) {
      for (let i = offsets[b]; i < offsets[b + 1]; i++) {
        for (let p = 0; p < k; p++) {
          for (let j = 0; j < n; j++) z[b * k * n + p * n + j] += x[i * k + p] * y[i * n + j];
        }
      }
    }
  },
});
