import type { FieldPairs, Importance } from "./report-data.js";
import type { ShuffledScores } from "./shuffled.js";
import { pairStrength } from "./variance.js";

/** The map has this many features at most: it takes one pass over the rows per pair, and must be readable. */
const MOST_FEATURES = 12;

/** How strongly the model combines each pair of features; of many, those with the largest effects. */
export async function fieldPairs(
  scores: ShuffledScores,
  importance: readonly Importance[],
): Promise<FieldPairs> {
  const features = strongest(importance);
  const alone: Float32Array[] = [];
  for (const feature of features) alone.push(await scores.logits([feature]));
  const strength = features.map(() => new Array<number>(features.length).fill(0));
  for (let i = 0; i < features.length; i++)
    for (let j = 0; j < i; j++) {
      const both = await scores.logits([features[i], features[j]]);
      strength[i][j] = strength[j][i] = pairStrength(scores, alone[i], alone[j], both);
    }
  return { features, strength };
}

/** In the order of importance. */
function strongest(importance: readonly Importance[]): string[] {
  const byEffect = [...importance].sort((a, b) => b.effect - a.effect).slice(0, MOST_FEATURES);
  return importance.filter((each) => byEffect.includes(each)).map(({ feature }) => feature);
}
