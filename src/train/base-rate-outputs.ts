import type { ColumnSet } from "../columns/columns.js";
import { columnOf, type MetricSettings, targetsOf } from "./evaluate.js";
import type { Head } from "./step/loss/define-loss.js";

/**
 * The outputs [outputs] of the best model without features: for each label the log odds of its weighted rate in the data, the
 * logarithm of the share of each class, or the mean of numbers. A model that starts there does not spend its first steps
 * on the base rate, which for rare labels is far from 1/2 (Lin et al., "Focal Loss for Dense Object Detection", 2017,
 * section 3.3).
 */
export function baseRateOutputs(data: ColumnSet, { task, labels }: MetricSettings, head?: Head): number[] {
  const targets = targetsOf(data);
  const logits = labels.flatMap((_, k) =>
    task.constant({ ...targets, labels: columnOf(targets.labels, k, labels.length) }),
  );
  return head ? head.outputsOf(logits[0]) : logits;
}
