import { asFp32, defineOp, type NoAttrs } from "../graph/op.js";
import { checkShapes, isFixed, isRows, sameType } from "./check.js";
import { sizeOf } from "./cost.js";

/**
 * Counts the rows of the batch by label and score: counts [K, 2, N], logits and labels [B, K]. A row adds 1 to
 * `counts[k, c, bin]`, where c is 1 if its label k is above 1/2, and bin is the bin of `sigmoid(logit)` among N of
 * equal width. NaN logits are not counted. Counts are fp32: exact up to 2^24 rows per bin.
 */
export const scoreHistogram = defineOp<NoAttrs>({
  kind: "scoreHistogram",
  opcode: 124,
  execution: "batch",
  additive: true,
  operands: "counts:param![K,2,N] logits:batch[K] labels:batch[K]",
  meaning:
    "for each row and k, 1 is added to `counts[k, y > 1/2, min(N-1, floor(N sigmoid(z)))]`, computed in f64; a NaN logit counts nowhere",
  // Per row: a sum, an exponential, a quotient, a product, a comparison and the count.
  cost: ({ shapes: [counts, logits, labels] }) => ({
    flops: 6 * sizeOf(logits),
    elements: [Math.min(2 * sizeOf(logits), 2 * sizeOf(counts)), sizeOf(logits), sizeOf(labels)],
  }),
  infer([counts, logits, labels]) {
    const columns = Number(logits.shape[1]);
    const bins = Number(counts.shape[2]);
    const ok = isRows(logits, 2) && sameType(labels, logits) && isFixed(counts, columns, 2, bins);
    checkShapes(ok, "scoreHistogram", "counts [K, 2, N], logits [B, K], labels [B, K]", [
      counts,
      logits,
      labels,
    ]);
    return [];
  },
  reference({ inputs }) {
    const [counts, logits, labels] = inputs.map(asFp32);
    const [columns, classes, bins] = counts.shape;
    logits.data.forEach((logit, i) => {
      const bin = Math.min(bins - 1, Math.floor(bins / (1 + Math.exp(-logit))));
      const label = labels.data[i] > 0.5 ? 1 : 0;
      if (!Number.isNaN(bin)) counts.data[((i % columns) * classes + label) * bins + bin] += 1;
    });
  },
});
