import { ExecutionError } from "../errors.js";
import { HALF_INFINITY, type Numbers } from "../half.js";

/** The model's numbers are not finite, or its loss rises without bound. */
export class DivergedError extends ExecutionError {
  /** The training step, if it is known. */
  readonly step?: number;

  constructor(report: ExecutionError["report"], step?: number) {
    super(report);
    this.step = step;
  }
}

const LOWER_RATE =
  "Lower train.optimizer.*.learningRate, set train.clip, or normalize large number features. The last checkpoint is untouched.";

/** @throws DivergedError naming the step of the first loss that is not finite */
export function refuseInfiniteLoss(losses: Float32Array, firstStep: number): void {
  const bad = firstNonFinite(losses, "fp32");
  if (bad < 0) return;
  const report = {
    what: "the training loss is no longer a number",
    where: `step ${firstStep + bad}`,
    got: String(losses[bad]),
    expected: "a finite loss",
    next: LOWER_RATE,
  };
  throw new DivergedError(report, firstStep + bad);
}

export function risingLoss(step: number, loss: number, average: number): DivergedError {
  const report = {
    what: "the training loss has risen far above its average",
    where: `step ${step}`,
    got: `a loss of ${loss.toPrecision(4)}, after an average of ${average.toPrecision(4)}`,
    expected: "a loss that stays near its average or falls",
    next: `${LOWER_RATE} If this data has such peaks, set train.stopOnDivergence: false and continue with --resume.`,
  };
  return new DivergedError(report, step);
}

/** @throws DivergedError if a weight or optimizer state is not finite, so that it must not be saved */
export function refuseInfiniteWeights(values: Numbers, dtype: NumberFormat, name: string): void {
  const bad = firstNonFinite(values, dtype);
  if (bad < 0) return;
  throw new DivergedError({
    what: "a number of the model is no longer finite, so it is not saved",
    where: name,
    got: dtype === "fp32" ? String(values[bad]) : `an infinity or NaN in ${dtype}`,
    expected: "finite numbers",
    next: dtype === "fp16" ? `Use dtype "bf16" or "fp32" for this table. ${LOWER_RATE}` : LOWER_RATE,
  });
}

/**
 * @param logits [rows, outputs]
 * @param firstRow the number of the first row, for the message
 * @throws DivergedError naming the first row whose logits are not finite
 */
export function refuseInfinitePredictions(logits: Float32Array, outputs: number, firstRow = 0): void {
  const bad = firstNonFinite(logits, "fp32");
  if (bad < 0) return;
  throw new DivergedError({
    what: "the model's prediction is not a finite number",
    where: `rows[${firstRow + Math.floor(bad / outputs)}]`,
    got: String(logits[bad]),
    expected: "a finite number",
    next: "Check the numbers of this row: very large ones overflow. If every row fails, use another checkpoint of the run.",
  });
}

type NumberFormat = "fp32" | keyof typeof HALF_INFINITY;

/** The index of the first infinity or NaN; -1 if there is none. */
export function firstNonFinite(values: Numbers, dtype: NumberFormat): number {
  return dtype === "fp32"
    ? firstOfFloats(values as Float32Array)
    : firstOfHalves(values, HALF_INFINITY[dtype]);
}

/** Infinity * 0 and NaN * 0 are NaN: one multiplication and one addition per number. */
function firstOfFloats(values: Float32Array): number {
  // Four sums, because an addition waits for the one before it.
  let [a, b, c, d] = [0, 0, 0, 0];
  const whole = values.length - (values.length % 4);
  for (let i = 0; i < whole; i += 4) {
    a += values[i] * 0;
    b += values[i + 1] * 0;
    c += values[i + 2] * 0;
    d += values[i + 3] * 0;
  }
  for (let i = whole; i < values.length; i++) a += values[i] * 0;
  return a + b + c + d === 0 ? -1 : values.findIndex((value) => !Number.isFinite(value));
}

/** Infinities and NaN have all bits of the exponent set. */
function firstOfHalves(values: Numbers, exponent: number): number {
  for (let i = 0; i < values.length; i++) if ((values[i] & exponent) === exponent) return i;
  return -1;
}
