import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { fp32 } from "../graph/tensor.js";
import { checkShapes, isRows, sameType } from "./check.js";
import { elementwise, once, sizeOf } from "./cost.js";

/**
 * The second-order term of a factorization machine, per dimension: x [B, F, D] -> y [B, D], `y = ((sum_f x_f)^2 - sum_f
 * x_f^2) / 2`, the sum of the products of all pairs of fields. Source: Rendle, "Factorization Machines", 2010, lemma
 * 3.1.
 */
export const factorizationMachine = defineOp<NoAttrs>({
  kind: "factorizationMachine",
  opcode: 28,
  execution: "rowwise",
  operands: "x:row[F,D] -> out:row[D]",
  meaning: "`((sum_f x)^2 - sum_f x^2) / 2`",
  cost: ({ shapes }) => once(3 * sizeOf(shapes[0]) + 3 * sizeOf(shapes[1]), shapes),
  infer([x]) {
    checkShapes(isRows(x, 3), "factorizationMachine", "x [B, F, D]", [x]);
    return [fp32("B", x.shape[2])];
  },
  gradient: ({ inputs: [x], outputGradients: [dy], apply }) => [
    dy && apply(factorizationMachineGrad, [dy, x], {})[0],
  ],
  reference({ inputs, outputs, context }) {
    const x = asFp32(inputs[0]);
    const y = asFp32(outputs[0]).data;
    const [, fields, dim] = x.shape;
    for (let b = 0; b < context.rows; b++) {
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        let squares = 0;
        for (let f = 0; f < fields; f++) {
          const value = x.data[(b * fields + f) * dim + d];
          sum += value;
          squares += value * value;
        }
        y[b * dim + d] = (sum * sum - squares) / 2;
      }
    }
  },
});

/** dy [B, D], x [B, F, D] -> dx [B, F, D], `dx_f = dy * (sum_g x_g - x_f)`. */
export const factorizationMachineGrad = defineOp<NoAttrs>({
  kind: "factorizationMachineGrad",
  opcode: 29,
  execution: "rowwise",
  operands: "dz:row[D] x:row[F,D] -> out:row[F,D]",
  meaning: "`dz * (sum x - x_f)`",
  cost: elementwise(3),
  infer([dy, x]) {
    checkShapes(
      isRows(x, 3) && sameType(dy, fp32("B", x.shape[2])),
      "factorizationMachineGrad",
      "dy [B, D], x [B, F, D]",
      [dy, x],
    );
    return [x];
  },
  reference({ inputs, outputs, context }) {
    const dy = asFp32(inputs[0]).data;
    const x = asFp32(inputs[1]);
    const dx = asFp32(outputs[0]).data;
    const [, fields, dim] = x.shape;
    for (let b = 0; b < context.rows; b++) {
      for (let d = 0; d < dim; d++) {
        let sum = 0;
        for (let f = 0; f < fields; f++) sum += x.data[(b * fields + f) * dim + d];
        for (let f = 0; f < fields; f++) {
          const at = (b * fields + f) * dim + d;
          dx[at] = dy[b * dim + d] * (sum - x.data[at]);
        }
      }
    }
  },
});
