import type { Op } from "../graph/op.js";
import { slice } from "../ops/concat.js";
import { reshape } from "../ops/reshape.js";

/** Operations that move no data: their result is a view of their operand, and no instruction. */
export const VIEW_OPS: ReadonlySet<Op> = new Set<Op>([slice, reshape]);
