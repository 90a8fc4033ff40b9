import { draw, drawKey } from "../random.js";
import type { StepContext } from "./op.js";
import type { TensorType } from "./tensor.js";

/** Hides an input in some samples of each step, which have the value that the caller binds for them. */
export interface Mask {
  /** The probability that a sample is masked. */
  readonly rate: number;
  /** Inputs with the same stream and rate are masked in the same samples. */
  readonly stream: number;
}

/** What the graph says of a column of the data. */
export interface InputAttrs {
  readonly name: string;
  readonly type: TensorType;
  /** Ids are below it. */
  readonly limit: number;
  readonly mask?: Mask;
}

/** Sample b of a step is masked where `draw(seed, stream, step, b)` is below this. */
export const maskedBelow = ({ rate }: Mask): number => Math.floor(rate * 2 ** 32);

/** The samples that are masked in a step, in order. */
export function maskedSamples(
  mask: Mask,
  { rows, seed, step }: Pick<StepContext, "rows" | "seed" | "step">,
): number[] {
  const key = drawKey(seed, mask.stream, step);
  const below = maskedBelow(mask);
  return Array.from({ length: rows }, (_, b) => b).filter((b) => draw(key, b) < below);
}
