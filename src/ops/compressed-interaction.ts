import { asFp32, type DenseValue, defineOp, type Op } from "../graph/op.js";
import { columnsOf, fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed, isRows, sameType } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { sumInner } from "./inner.js";
import { sumRows } from "./sum-rows.js";

/** The pairs (h, f) of a previous map and a field that have weights: `all`, or `upper`, only those with h <= f. */
export type Pairs = "all" | "upper";
export interface Attrs {
  readonly pairs: Pairs;
}

/** The number of pairs of `maps` and `fields`. */
export function pairCount(maps: number, fields: number, pairs: Pairs): number {
  return pairs === "all" ? maps * fields : (fields * (fields + 1)) / 2;
}

/**
 * One layer of a compressed interaction network: x [B, H, D] (the previous feature maps), x0 [B, F, D] (the fields),
 * W [N, K], optional b [N] -> [B, N, D], `y_nd = b_n + sum over pairs k = (h, f) of W_nk x_hd x0_fd`. Pairs are in
 * row-major order; where `pairs` is `upper`, H = F and K = F(F+1)/2, else K = H*F. The products x_hd x0_fd are never
 * all in memory.
 * Source: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems", 2018,
 * equation 6; the bias is that of the published code.
 */
export const compressedInteraction: Op<Attrs> = defineOp({
  kind: "compressedInteraction",
  opcode: 70,
  execution: "rowwise",
  operands: "x:row[H,D] x0:row[F,D] W:fixed[N,K] b:fixed[N]? -> out:row[N,D]",
  attributes: "upper:flag hasBias",
  meaning:
    "`out_nd = b_n + sum over pairs k = (h,f) of W_nk x_hd x0_fd`; pairs in row-major order, K = H*F; upper 1: only h <= f, H = F, K = F(F+1)/2",
  cost: ({ shapes, attributes: [, hasBias] }) => {
    const [x, , w] = shapes;
    const bias = hasBias ? sizeOf(shapes[4]) : 0;
    return once(positions(x) * w[1] * (2 * w[0] + 1) + bias, shapes);
  },
  infer(inputs, { pairs }) {
    const [x, x0, w, b] = inputs;
    const [units] = w.shape;
    const ok = isInteraction(x, x0, w, pairs) && (b === undefined || isFixed(b, units));
    checkShapes(ok, "compressedInteraction", `${OPERANDS}, b [N]`, inputs);
    return [fp32("B", units, x.shape[2])];
  },
  gradient({ inputs: [x, x0, w, b], outputGradients: [dy], attrs, apply }) {
    if (!dy) return [];
    const [dx, dx0] = apply(compressedInteractionGradInput, [dy, x, x0, w], attrs);
    const [dw] = apply(compressedInteractionGradWeight, [dy, x, x0], attrs);
    return b ? [dx, dx0, dw, apply(sumRows, apply(sumInner, [dy], {}), {})[0]] : [dx, dx0, dw];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [x, x0, w] = inputs.map(asFp32);
    const bias = inputs[3] && asFp32(inputs[3]).data;
    const y = asFp32(outputs[0]);
    const [, units, dim] = y.shape;
    const count = w.shape[1];
    for (let b = 0; b < context.rows; b++) {
      for (let n = 0; n < units; n++) {
        const start = (b * units + n) * dim;
        y.data.fill(bias ? bias[n] : 0, start, start + dim);
      }
      for (const [k, h, f] of pairsOf(x, x0, attrs.pairs)) {
        for (let d = 0; d < dim; d++) {
          const product = at(x, b, h, d) * at(x0, b, f, d);
          for (let n = 0; n < units; n++)
            y.data[(b * units + n) * dim + d] += w.data[n * count + k] * product;
        }
      }
    }
  },
  encode: ({ attrs, inputs }) => [attrs.pairs === "upper" ? 1 : 0, inputs.length === 4 ? 1 : 0],
});

/**
 * dy [B, N, D], x, x0, W -> dx [B, H, D], dx0 [B, F, D]: with `g_kd = sum_n W_nk dy_nd`, `dx_h = sum_f g_hf x0_f` and
 * `dx0_f = sum_h g_hf x_h`.
 */
export const compressedInteractionGradInput: Op<Attrs> = defineOp({
  kind: "compressedInteractionGradInput",
  opcode: 71,
  execution: "rowwise",
  operands: "dy:row[N,D] x:row[H,D] x0:row[F,D] W:fixed[N,K] -> dx:row[H,D] dx0:row[F,D]",
  attributes: "upper:flag",
  meaning: "`g = W^T dy`; `dx_h = sum_f g_hf x0_f`, `dx0_f = sum_h g_hf x_h`",
  cost: ({ shapes }) => {
    const [dy, , , w] = shapes;
    return once(positions(dy) * w[1] * (2 * w[0] + 4), shapes);
  },
  infer([dy, x, x0, w], { pairs }) {
    const ok = isInteraction(x, x0, w, pairs) && sameType(dy, fp32("B", w.shape[0], x.shape[2]));
    checkShapes(ok, "compressedInteractionGradInput", `dy [B, N, D], ${OPERANDS}`, [dy, x, x0, w]);
    return [x, x0];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dy, x, x0, w] = inputs.map(asFp32);
    const [dx, dx0] = outputs.map(asFp32);
    const [, units, dim] = dy.shape;
    const count = w.shape[1];
    for (let b = 0; b < context.rows; b++) {
      for (const [k, h, f] of pairsOf(x, x0, attrs.pairs)) {
        for (let d = 0; d < dim; d++) {
          let g = 0;
          for (let n = 0; n < units; n++) g += w.data[n * count + k] * at(dy, b, n, d);
          dx.data[(b * x.shape[1] + h) * dim + d] += g * at(x0, b, f, d);
          dx0.data[(b * x0.shape[1] + f) * dim + d] += g * at(x, b, h, d);
        }
      }
    }
  },
  encode: ({ attrs }) => [attrs.pairs === "upper" ? 1 : 0],
});

/** dy [B, N, D], x, x0 -> dW [N, K], `dW_nk = sum_d dy_nd x_hd x0_fd`, summed over the batch. */
export const compressedInteractionGradWeight: Op<Attrs> = defineOp({
  kind: "compressedInteractionGradWeight",
  opcode: 72,
  execution: "reduces",
  operands: "dy:row[N,D] x:row[H,D] x0:row[F,D] -> out:partial[N,K]",
  attributes: "upper:flag",
  meaning: "`sum_d dy_nd x_hd x0_fd`",
  combine: "sum",
  cost: ({ shapes }) => {
    const [dy, , , dw] = shapes;
    return once(positions(dy) * dw[1] * (2 * dw[0] + 1), shapes);
  },
  infer([dy, x, x0], { pairs }) {
    const ok = arePairs(x, x0, pairs) && isRows(dy, 3) && dy.shape[2] === x.shape[2];
    checkShapes(ok, "compressedInteractionGradWeight", "dy [B, N, D], x [B, H, D], x0 [B, F, D]", [
      dy,
      x,
      x0,
    ]);
    return [fp32(dy.shape[1], pairCount(columnsOf(x), columnsOf(x0), pairs))];
  },
  reference({ inputs, outputs, attrs, context }) {
    const [dy, x, x0] = inputs.map(asFp32);
    const dw = asFp32(outputs[0]);
    const [units, count] = dw.shape;
    const dim = dy.shape[2];
    for (let b = 0; b < context.rows; b++) {
      for (const [k, h, f] of pairsOf(x, x0, attrs.pairs)) {
        for (let d = 0; d < dim; d++) {
          const product = at(x, b, h, d) * at(x0, b, f, d);
          for (let n = 0; n < units; n++) dw.data[n * count + k] += at(dy, b, n, d) * product;
        }
      }
    }
  },
  encode: ({ attrs }) => [attrs.pairs === "upper" ? 1 : 0],
});

const OPERANDS = "x [B, H, D], x0 [B, F, D], W [N, K] with a column a pair";

function isInteraction(x: TensorType, x0: TensorType, w: TensorType, pairs: Pairs): boolean {
  if (!arePairs(x, x0, pairs)) return false;
  return isFixed(w, w.shape[0], pairCount(columnsOf(x), columnsOf(x0), pairs));
}

function arePairs(x: TensorType, x0: TensorType, pairs: Pairs): boolean {
  const maps = isRows(x, 3) && isRows(x0, 3) && x.shape[2] === x0.shape[2];
  return maps && (pairs === "all" || x.shape[1] === x0.shape[1]);
}

/** Offsets of the (row, dim) of a tensor [B, …, D]; each has its own product for every pair. */
function positions([rows, , dim]: readonly number[]): number {
  return rows * dim;
}

/** The column of W, the map and the field of every pair. */
function* pairsOf(x: DenseValue, x0: DenseValue, pairs: Pairs): Generator<readonly [number, number, number]> {
  let k = 0;
  for (let h = 0; h < x.shape[1]; h++) {
    for (let f = pairs === "upper" ? h : 0; f < x0.shape[1]; f++) yield [k++, h, f];
  }
}

/** Index of element (b, i, d) of [B, I, D]. */
function at({ data, shape }: DenseValue, b: number, i: number, d: number): number {
  return data[(b * shape[1] + i) * shape[2] + d];
}
