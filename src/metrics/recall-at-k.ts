import { eachGroup, type Grouping, gather } from "./groups.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";
import { sortedOrder } from "./sorted-order.js";

/**
 * Mean over groups (queries, users) of the share of a group's positives among its k highest scores. Groups without
 * positives are ignored. Rows tied at the cut share the remaining places evenly, so the order of the data has no
 * effect.
 * @param scores [N]
 * @param labels [N] 0 or 1
 * @param k at least 1
 */
export function recallAtKOf(
  grouping: Grouping,
  scores: Float32Array,
  labels: Float32Array,
  k: number,
): MetricResult {
  let sum = 0;
  let groups = 0;
  for (const rows of eachGroup(grouping)) {
    const recall = recallOf(gather(scores, rows), gather(labels, rows), k);
    if (recall === undefined) continue;
    sum += recall;
    groups++;
  }
  return groups === 0 ? undefinedBecause("no group has a positive label") : defined(sum / groups);
}

function recallOf(scores: Float32Array, labels: Float32Array, k: number): number | undefined {
  let positives = 0;
  for (const label of labels) positives += label;
  if (positives === 0) return undefined;
  if (k >= scores.length) return 1;
  const order = sortedOrder(scores);
  // The lowest score in the top k.
  const cut = scores[order[order.length - k]];
  const above = { rows: 0, positive: 0 };
  const tied = { rows: 0, positive: 0 };
  for (let row = 0; row < scores.length; row++) {
    if (scores[row] < cut) continue;
    const side = scores[row] > cut ? above : tied;
    side.rows++;
    side.positive += labels[row];
  }
  const share = (k - above.rows) / tied.rows;
  return (above.positive + share * tied.positive) / positives;
}
