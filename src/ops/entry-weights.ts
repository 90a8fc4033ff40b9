import { asFp32, type BagValue, defineOp, type NoAttrs } from "../graph/op.js";
import { checkShapes, isSequenceBag } from "./check.js";
import { sizeOf } from "./cost.js";

/** The weight of each entry of a sequence: bag [B] -> out [L, 1]. Without a weight column, weights are 1. */
export const entryWeights = defineOp<NoAttrs>({
  kind: "entryWeights",
  opcode: 165,
  execution: "rowwise",
  entries: "chunks",
  operands: "bag:samples -> out:entry[1]",
  meaning: "the weight of each entry of the bags; 1 where the column has none",
  cost: ({ shapes: [bag, out] }) => ({ flops: 0, elements: [sizeOf(bag), sizeOf(out)] }),
  infer([bag]) {
    checkShapes(isSequenceBag(bag), "entryWeights", "a bag of a sequence's ids [B]", [bag]);
    return [{ dtype: "fp32", shape: [bag.entries!, 1] }];
  },
  reference({ inputs, outputs }) {
    const { weights } = inputs[0] as BagValue;
    const { data } = asFp32(outputs[0]);
    if (weights) data.set(weights);
    else data.fill(1);
  },
});
