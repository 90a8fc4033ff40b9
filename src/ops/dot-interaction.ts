import { asFp32, type DenseValue, defineOp, type NoAttrs } from "../graph/op.js";
import { columnsOf, fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { once, sizeOf } from "./cost.js";

/**
 * Dot products of every pair of fields: x [B, F, D] -> z [B, F(F-1)/2], the upper triangle of `x x^T` without its
 * diagonal, pairs in row-major order: (0,1), (0,2), …, (1,2), ….
 * Source: Naumov et al., "Deep Learning Recommendation Model for Personalization and Recommendation Systems", 2019.
 */
export const dotInteraction = defineOp<NoAttrs>({
  kind: "dotInteraction",
  opcode: 26,
  execution: "rowwise",
  operands: "x:row[F,D] -> out:row[p]",
  meaning:
    "dot products of the pairs (i<j) of fields, in row-major order of the upper triangle: (0,1),(0,2)…(1,2)…",
  cost: ({ shapes }) => once(2 * sizeOf(shapes[1]) * shapes[0][2], shapes),
  infer([x]) {
    checkShapes(isRows(x, 3) && columnsOf(x) >= 2, "dotInteraction", "x [B, F >= 2, D]", [x]);
    return [pairProducts(x)];
  },
  gradient: ({ inputs: [x], outputGradients: [dz], apply }) => [
    dz && apply(dotInteractionGrad, [dz, x], {})[0],
  ],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]);
    const z = asFp32(outputs[0]).data;
    const dim = x.shape[2];
    for (const [at, p, q] of pairs(x, context.rows)) {
      let sum = 0;
      for (let d = 0; d < dim; d++) sum += x.data[p + d] * x.data[q + d];
      z[at] = sum;
    }
  },
});

/** dz [B, F(F-1)/2], x [B, F, D] -> dx [B, F, D], `dx_i = sum over j of dz_ij x_j`. */
export const dotInteractionGrad = defineOp<NoAttrs>({
  kind: "dotInteractionGrad",
  opcode: 27,
  execution: "rowwise",
  operands: "dz:row[p] x:row[F,D] -> out:row[F,D]",
  meaning: "`out_i = sum_j dz_ij x_j`",
  cost: ({ shapes }) => once(4 * sizeOf(shapes[0]) * shapes[1][2], shapes),
  infer([dz, x]) {
    const ok = isRows(x, 3) && sameType(dz, pairProducts(x));
    checkShapes(ok, "dotInteractionGrad", "dz [B, F(F-1)/2], x [B, F, D]", [dz, x]);
    return [x];
  },
  reference({ inputs, outputs, context }) {
    const dz = asFp32(inputs[0]).data;
    const x = asFp32(inputs[1]);
    const dx = asFp32(outputs[0]).data;
    const dim = x.shape[2];
    for (const [at, p, q] of pairs(x, context.rows)) {
      for (let d = 0; d < dim; d++) {
        dx[p + d] += dz[at] * x.data[q + d];
        dx[q + d] += dz[at] * x.data[p + d];
      }
    }
  },
});

/** [B, F, D] -> [B, F(F-1)/2]. */
function pairProducts(x: TensorType): TensorType {
  const fields = columnsOf(x);
  return fp32("B", (fields * (fields - 1)) / 2);
}

/** Visits every pair of fields of every row: its index in z, and where its two fields start in x. */
function* pairs({ shape }: DenseValue, rows: number): Generator<readonly [number, number, number]> {
  const [, fields, dim] = shape;
  let at = 0;
  for (let b = 0; b < rows; b++) {
    const start = (i: number) => (b * fields + i) * dim;
    for (let i = 0; i < fields; i++) for (let j = i + 1; j < fields; j++) yield [at++, start(i), start(j)];
  }
}
