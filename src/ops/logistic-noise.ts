import { asFp32, defineOp } from "../graph/op.js";
import { fp32 } from "../graph/tensor.js";
import { draw, drawKey } from "../random.js";
import { elementwise } from "./cost.js";

/**
 * Numbers [B, …dims] of the standard logistic distribution: `log(u / (1 - u))`, where u is uniform in (0, 1) and has 23 random
 * bits. The draw depends on (seed, stream, step, element). A logit plus this noise, divided by a temperature, through a
 * sigmoid is a sample of the concrete distribution. Source: Maddison, Mnih & Teh, "The Concrete Distribution", 2017.
 */
export const logisticNoise = defineOp<{ stream: number; dims: readonly number[] }>({
  kind: "logisticNoise",
  opcode: 174,
  execution: "rowwise",
  operands: "-> out:row[*]",
  attributes: "stream",
  meaning: "`log(u / (1 - u))`, `u = (floor(draw / 512) + 0.5) * 2^-23`; see random draws",
  cost: elementwise(12),
  infer: (_, { dims }) => [fp32("B", ...dims)],
  reference({ outputs, attrs: { stream }, context: { seed, step } }) {
    const y = asFp32(outputs[0]).data;
    const key = drawKey(seed, stream, step);
    for (let i = 0; i < y.length; i++) {
      const u = ((draw(key, i) >>> 9) + 0.5) * 2 ** -23;
      y[i] = Math.log(u / (1 - u));
    }
  },
  encode: ({ attrs }) => [attrs.stream],
});
