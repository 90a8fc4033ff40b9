import type { ShuffledScores } from "./shuffled.js";

/**
 * The standard deviation of the model's output that depends on a feature, alone or with others: the square root of its total
 * Sobol index, `mean((f(x) - f(x'))²) / 2`, where x' has the feature's value of another row (Jansen, "Analysis of variance
 * designs for model output", 1999).
 * @param shuffled the logits of x', [N, outputs]
 */
export function totalEffect(scores: ShuffledScores, shuffled: Float32Array): number {
  const [f, other] = [scores.unshuffled, shuffled].map((logits) => freeOutputs(scores, logits));
  return Math.sqrt(meanSquare(f.map((value, i) => value - other[i])) / 2);
}

/**
 * The standard deviation of the model's output that depends on both features at once and on neither alone: the square root of
 * `mean((f(x) - f(x_i) - f(x_j) + f(x_ij))²) / 4`, where x_i has the value of feature i of another row, and x_ij both (Liu &
 * Owen, "Estimating mean dimensionality of analysis of variance decompositions", 2006). It is 0 if the output is a sum of a
 * function without i and one without j. For a factorization machine, the difference is exactly the dot product of the two
 * changes of embeddings.
 */
export function pairStrength(
  scores: ShuffledScores,
  first: Float32Array,
  second: Float32Array,
  both: Float32Array,
): number {
  const [f, i, j, ij] = [scores.unshuffled, first, second, both].map((logits) => freeOutputs(scores, logits));
  const strength = Math.sqrt(meanSquare(f.map((value, at) => value - i[at] - (j[at] - ij[at])))) / 2;
  return strength > ROUNDING * largest(f) ? strength : 0;
}

/** Logits are sums in fp32: a difference that is smaller than this share of them is no difference. */
const ROUNDING = 2 ** -20;

/** Predictions of classes do not change if all logits of a row grow by the same: only their distances from the mean count. */
function freeOutputs({ settings }: ShuffledScores, logits: Float32Array): Float64Array {
  const values = Float64Array.from(logits);
  if (settings.task.predicts !== "classes") return values;
  const classes = settings.task.outputs(settings.labels);
  for (let start = 0; start < values.length; start += classes) {
    const ofRow = values.subarray(start, start + classes);
    const mean = ofRow.reduce((sum, value) => sum + value, 0) / classes;
    ofRow.forEach((value, c) => {
      ofRow[c] = value - mean;
    });
  }
  return values;
}

const meanSquare = (values: Float64Array): number =>
  values.reduce((sum, value) => sum + value * value, 0) / values.length;

const largest = (values: Float64Array): number =>
  values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
