import { asFp32, defineOp, type Op } from "../graph/op.js";
import { fp32, innerDims, isRow, type Tensor, type TensorType } from "../graph/tensor.js";
import { checkShapes } from "./check.js";
import { once, sizeOf } from "./cost.js";
import { sumRows } from "./sum-rows.js";

export interface MatmulAttrs {
  readonly transposeA: boolean;
  readonly transposeB: boolean;
}

/**
 * One matrix product per row: a [B, M, K] times b [B, K, N] -> [B, M, N], `c_mn = sum_k a_mk b_kn`. With `transposeA` a
 * is [B, K, M], with `transposeB` b is [B, N, K]. One operand may be fixed ([M, K] or [K, N]): a weight that multiplies
 * every row's matrix, from the left (mixing fields) or from the right (mixing dimensions).
 */
export const batchMatmul: Op<MatmulAttrs> = defineOp({
  kind: "batchMatmul",
  opcode: 80,
  execution: "rowwise",
  operands: "a:any[*] b:any[*] -> out:row[*]",
  attributes: "transposeA:flag transposeB:flag",
  meaning:
    "`op(a) op(b)` in every row, [m,k] times [k,n]; a flag transposes its operand: [k,m], [n,k]. One of a and b may be fixed",
  cost: ({ shapes }) => {
    const [a, , c] = shapes;
    const depth = sizeOf(a.slice(-2)) / c[1];
    return once(2 * sizeOf(c) * depth, shapes);
  },
  infer([a, b], attrs) {
    const [m, ka] = sides(a, attrs.transposeA);
    const [kb, n] = sides(b, attrs.transposeB);
    const ok =
      isMatrix(a) &&
      isMatrix(b) &&
      (isRow(a) || isRow(b)) &&
      ka === kb &&
      a.dtype === "fp32" &&
      b.dtype === "fp32";
    checkShapes(ok, "batchMatmul", "a [B, M, K] and b [B, K, N] (or transposed), one of them perhaps fixed", [
      a,
      b,
    ]);
    return [fp32("B", m, n)];
  },
  gradient({ inputs: [a, b], outputGradients: [dc], attrs: { transposeA, transposeB }, apply }) {
    if (!dc) return [];
    const multiply = (x: Tensor, y: Tensor, tx: boolean, ty: boolean): Tensor =>
      apply(batchMatmul, [x, y], { transposeA: tx, transposeB: ty })[0];
    // C = A B: dA = dC B^T and dB = A^T dC; the gradient of a transposed operand is transposed too.
    const da = transposeA ? multiply(b, dc, transposeB, true) : multiply(dc, b, false, !transposeB);
    const db = transposeB ? multiply(dc, a, true, transposeA) : multiply(a, dc, !transposeA, false);
    const likeOperand = (gradient: Tensor, operand: Tensor): Tensor =>
      isRow(operand) ? gradient : apply(sumRows, [gradient], {})[0];
    return [likeOperand(da, a), likeOperand(db, b)];
  },
  reference({ node, inputs, outputs, attrs: { transposeA, transposeB }, context }) {
    const [a, b, c] = [...inputs, outputs[0]].map((v) => asFp32(v).data);
    const [m, k] = sides(node.inputs[0], transposeA);
    const [, n] = sides(node.inputs[1], transposeB);
    for (let row = 0; row < context.rows; row++) {
      const startA = isRow(node.inputs[0]) ? row * m * k : 0;
      const startB = isRow(node.inputs[1]) ? row * k * n : 0;
      for (let i = 0; i < m; i++) {
        for (let j = 0; j < n; j++) {
          let sum = 0;
          for (let p = 0; p < k; p++) {
            const left = a[startA + (transposeA ? p * m + i : i * k + p)];
            sum += left * b[startB + (transposeB ? j * k + p : p * n + j)];
          }
          c[(row * m + i) * n + j] = sum;
        }
      }
    }
  },
  encode: ({ attrs }) => [attrs.transposeA ? 1 : 0, attrs.transposeB ? 1 : 0],
});

function isMatrix(type: TensorType): boolean {
  return innerDims(type).length === 2;
}

/** Rows and columns of the matrix after transposition. */
export function sides(type: TensorType, transpose: boolean): readonly [number, number] {
  const [rows, columns] = innerDims(type);
  return transpose ? [columns, rows] : [rows, columns];
}
