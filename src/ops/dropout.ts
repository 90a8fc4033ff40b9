import { asFp32, defineOp, type Op } from "../graph/op.js";
import { isRow } from "../graph/tensor.js";
import { draw, drawKey } from "../random.js";
import { checkShapes } from "./check.js";
import { elementwise } from "./cost.js";

/**
 * Inverted dropout: each element is kept with probability `1 - rate` and scaled by `1 / (1 - rate)`. The draw depends
 * on (seed, stream, step, element), so the gradient is the same operation on dy. Source: Srivastava et al., "Dropout",
 * 2014.
 */
export const dropout: Op<{ rate: number; stream: number }> = defineOp({
  kind: "dropout",
  opcode: 38,
  execution: "rowwise",
  elementwise: true,
  operands: "x:row[n] -> out:row[n]",
  attributes: "rate stream",
  meaning: "see random draws",
  cost: elementwise(2),
  infer([x], { rate }) {
    checkShapes(
      x.dtype === "fp32" && isRow(x) && rate >= 0 && rate < 1,
      `dropout of rate ${rate}`,
      "a row tensor, and a rate in [0, 1)",
      [x],
    );
    return [x];
  },
  gradient: ({ outputGradients: [dy], attrs, apply }) => [dy && apply(dropout, [dy], attrs)[0]],
  reference({ inputs, outputs, attrs: { rate, stream }, context: { seed, step } }) {
    const x = asFp32(inputs[0]).data;
    const y = asFp32(outputs[0]).data;
    const key = drawKey(seed, stream, step);
    const threshold = Math.floor(rate * 2 ** 32);
    const scale = 1 / (1 - rate);
    for (let i = 0; i < x.length; i++) {
      y[i] = draw(key, i) >= threshold ? x[i] * scale : 0;
    }
  },
  encode: ({ attrs }) => [attrs.rate, attrs.stream],
});
