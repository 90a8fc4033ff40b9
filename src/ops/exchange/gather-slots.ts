import { defineOp } from "../../graph/op.js";
import { SLOTS } from "../../graph/placement.js";
import { fp32 } from "../../graph/tensor.js";
import { checkShapes, isFixed } from "../check.js";
import { elementwise } from "../cost.js";
import { copyFloats } from "./copy.js";
import type { Routed } from "./unique-rows.js";

/** The sums of a table's slots, each from its owner: sums [1024] -> [1024]. */
export const gatherSlots = defineOp<Routed>({
  kind: "gatherSlots",
  opcode: 144,
  execution: "exchange",
  operands: `sums:fixed[${SLOTS}] -> out:fixed[${SLOTS}]`,
  attributes: "route:count",
  meaning: "the sum of each slot, from the owner of the slot",
  cost: elementwise(0),
  infer([sums]) {
    checkShapes(isFixed(sums, SLOTS), "gatherSlots", `sums [${SLOTS}]`, [sums]);
    return [fp32(SLOTS)];
  },
  reference: copyFloats,
  encode: ({ attrs }) => [attrs.route],
});
