/** The softmax of each row of logits [N, C], row-major; computed in float64. */
export function softmaxRows(logits: Float32Array, classes: number): Float32Array {
  const probabilities = new Float32Array(logits.length);
  for (let start = 0; start < logits.length; start += classes) {
    const logSum = logSumExp(logits, start, classes);
    for (let i = start; i < start + classes; i++) probabilities[i] = Math.exp(logits[i] - logSum);
  }
  return probabilities;
}

/** The index, relative to `start`, of the largest of `count` values; for ties, the first. */
export function largestOf(values: Float32Array, start: number, count: number): number {
  let best = 0;
  for (let i = 1; i < count; i++) if (values[start + i] > values[start + best]) best = i;
  return best;
}

/** log(sum of exp) of `count` values beginning at `start`, without overflow. */
export function logSumExp(values: Float32Array, start: number, count: number): number {
  let most = Number.NEGATIVE_INFINITY;
  for (let i = start; i < start + count; i++) most = Math.max(most, values[i]);
  let sum = 0;
  for (let i = start; i < start + count; i++) sum += Math.exp(values[i] - most);
  return most + Math.log(sum);
}
