import { MetricError } from "./metric.js";

/**
 * Checks the inputs of all binary metrics once, before any arithmetic.
 * @param scores [N] logits or probabilities; infinities are allowed, NaN is refused
 * @param labels [N] exactly 0 or 1
 * @param weights [N] finite, not negative
 * @throws MetricError naming the first invalid row
 */
export function checkBinaryInput(scores: Float32Array, labels: Float32Array, weights?: Float32Array): void {
  checkNumericInput(scores, labels, weights);
  const label = firstNotBinary(labels);
  if (label >= 0) {
    throw badRow(
      "a label is not binary",
      "labels",
      label,
      labels[label],
      "0 or 1",
      "map the label column to 0 and 1",
    );
  }
}

/**
 * Checks the inputs of multi-class metrics, like {@link checkBinaryInput}: scores [N, classes], labels whole numbers
 * below `classes`.
 * @throws MetricError
 */
export function checkClassInput(
  scores: Float32Array,
  labels: Float32Array,
  classes: number,
  weights?: Float32Array,
): void {
  checkLength("labels", labels.length * classes, scores.length);
  checkNumbers(scores, labels, weights);
  const label = labels.findIndex((value) => !Number.isInteger(value) || value < 0 || value >= classes);
  if (label < 0) return;
  const expected = `a whole number from 0 to ${classes - 1}`;
  throw badRow("a label is not a class", "labels", label, labels[label], expected);
}

/**
 * Checks the inputs of regression metrics, like {@link checkBinaryInput}, with any labels except NaN.
 * @throws MetricError
 */
export function checkNumericInput(scores: Float32Array, labels: Float32Array, weights?: Float32Array): void {
  checkLength("labels", labels.length, scores.length);
  checkNumbers(scores, labels, weights);
}

function checkNumbers(scores: Float32Array, labels: Float32Array, weights?: Float32Array): void {
  if (weights) checkLength("weights", weights.length, labels.length);
  const score = firstNaN(scores);
  if (score >= 0) throw badRow("a score is not a number", "scores", score, NaN, "a number", NAN_SCORE_NEXT);
  const label = firstNaN(labels);
  if (label >= 0) throw badRow("a label is not a number", "labels", label, NaN, "a number");
  const weight = weights?.findIndex((value) => !(value >= 0 && value < Number.POSITIVE_INFINITY)) ?? -1;
  if (weight >= 0) {
    throw badRow(
      "a weight cannot be used",
      "weights",
      weight,
      weights![weight],
      "a finite weight, 0 or more",
    );
  }
}

/** The first row with a NaN, or -1. A loop because every evaluation runs it and `findIndex` is several times slower. */
function firstNaN(values: Float32Array): number {
  for (let row = 0; row < values.length; row++) if (Number.isNaN(values[row])) return row;
  return -1;
}

function firstNotBinary(labels: Float32Array): number {
  for (let row = 0; row < labels.length; row++) if (labels[row] !== 0 && labels[row] !== 1) return row;
  return -1;
}

const NAN_SCORE_NEXT = "the model has diverged: lower the learning rate or clip gradients";

function checkLength(what: string, got: number, expected: number): void {
  if (got === expected) return;
  throw new MetricError({
    what: "lengths differ",
    where: what,
    got: `${got} rows`,
    expected: `${expected} rows`,
  });
}

function badRow(
  what: string,
  where: string,
  row: number,
  got: number,
  expected: string,
  next?: string,
): MetricError {
  return new MetricError({ what, where: `${where}[${row}]`, got: String(got), expected, next });
}
