import { aucOfChecked } from "./auc.js";
import { eachGroup, type Grouping, gather } from "./groups.js";
import { defined, type MetricResult, undefinedBecause } from "./metric.js";

/**
 * Mean of the exact AUC within each group (a user, a request), weighted by the weight of the group's rows. Groups
 * without an AUC, because all their labels are equal, are ignored. Zhou et al., "Deep Interest Network for
 * Click-Through Rate Prediction", KDD 2018, equation 6.
 * @param scores [N]
 * @param labels [N] 0 or 1
 * @param weights [N] optional
 */
export function groupedAucOf(
  grouping: Grouping,
  scores: Float32Array,
  labels: Float32Array,
  weights?: Float32Array,
): MetricResult {
  let sum = 0;
  let total = 0;
  for (const rows of eachGroup(grouping)) {
    const own = weights && gather(weights, rows);
    const auc = aucOfChecked(gather(scores, rows), gather(labels, rows), own);
    if (!auc.defined) continue;
    const weight = own ? own.reduce((a, b) => a + b, 0) : rows.length;
    sum += weight * auc.value;
    total += weight;
  }
  return total === 0 ? undefinedBecause("no group has both labels") : defined(sum / total);
}
