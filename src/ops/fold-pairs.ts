import { asFp32, defineOp, type NoAttrs, type Op } from "../graph/op.js";
import { columnsOf, fp32, type TensorType } from "../graph/tensor.js";
import { checkShapes, isFixed } from "./check.js";
import { elementwise, once, sizeOf } from "./cost.js";

/**
 * Folds the weights of all pairs of a set with itself onto the upper triangle: W [N, F*F] -> [N, F(F+1)/2], where pair
 * (h, f), h < f, gets `W_hf + W_fh` and (f, f) gets `W_ff`. The products of (h, f) and (f, h) are equal, so half of
 * them suffice.
 */
export const foldPairs: Op<NoAttrs> = defineOp({
  kind: "foldPairs",
  opcode: 73,
  execution: "fixed",
  operands: "W:fixed[N,K] -> out:fixed[N,P]",
  meaning: "pair h < f: `W_hf + W_fh`; h = f: `W_ff`",
  cost: ({ shapes }) => once(sizeOf(shapes[0]) - sizeOf(shapes[1]), shapes),
  infer([w]) {
    const fields = isMatrix(w) ? Math.sqrt(columnsOf(w)) : Number.NaN;
    checkShapes(Number.isInteger(fields), "foldPairs", "W [N, F*F]", [w]);
    return [fp32(w.shape[0], (fields * (fields + 1)) / 2)];
  },
  gradient: ({ outputGradients: [dy], apply }) => [dy && apply(unfoldPairs, [dy], {})[0]],
  reference({ inputs, outputs }) {
    const w = asFp32(inputs[0]);
    const folded = asFp32(outputs[0]).data;
    const fields = Math.sqrt(w.shape[1]);
    let k = 0;
    for (let n = 0; n < w.shape[0]; n++) {
      const weight = (h: number, f: number): number => w.data[(n * fields + h) * fields + f];
      for (let h = 0; h < fields; h++) {
        for (let f = h; f < fields; f++) folded[k++] = h === f ? weight(h, f) : weight(h, f) + weight(f, h);
      }
    }
  },
});

/**
 * The gradient of `foldPairs`: [N, F(F+1)/2] -> [N, F*F]; entry (h, f) gets the gradient of its pair in either order.
 */
export const unfoldPairs: Op<NoAttrs> = defineOp({
  kind: "unfoldPairs",
  opcode: 74,
  execution: "fixed",
  operands: "W:fixed[N,P] -> out:fixed[N,K]",
  meaning: "(h,f) and (f,h) get their pair's value",
  cost: elementwise(0),
  infer([w]) {
    const fields = isMatrix(w) ? (Math.sqrt(8 * columnsOf(w) + 1) - 1) / 2 : Number.NaN;
    checkShapes(Number.isInteger(fields), "unfoldPairs", "W [N, F(F+1)/2]", [w]);
    return [fp32(w.shape[0], fields * fields)];
  },
  gradient: ({ outputGradients: [dy], apply }) => [dy && apply(foldPairs, [dy], {})[0]],
  reference({ inputs, outputs }) {
    const folded = asFp32(inputs[0]).data;
    const w = asFp32(outputs[0]);
    const fields = Math.sqrt(w.shape[1]);
    let k = 0;
    for (let n = 0; n < w.shape[0]; n++) {
      for (let h = 0; h < fields; h++) {
        for (let f = h; f < fields; f++, k++) {
          w.data[(n * fields + h) * fields + f] = folded[k];
          w.data[(n * fields + f) * fields + h] = folded[k];
        }
      }
    }
  },
});

function isMatrix(type: TensorType): boolean {
  return type.shape.length === 2 && isFixed(type, ...type.shape);
}
