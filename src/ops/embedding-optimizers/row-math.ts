import type { Floats, StepContext } from "../../graph/op.js";
import type { AdamAttrs } from "../optimizers.js";

/** LAMB's step in the direction r: `w -= lr |w| / |r| r`; the ratio is 1 if either norm is 0. */
export function stepByTrust(w: Floats, r: Floats, lr: number): void {
  const [size, length] = [norm(w), norm(r)];
  const ratio = size === 0 || length === 0 ? 1 : size / length;
  for (let d = 0; d < w.length; d++) w[d] -= lr * ratio * r[d];
}

/** Adam's bias corrections at t = step + 1. */
export function corrections({ beta1, beta2 }: AdamAttrs, { step }: StepContext): [number, number] {
  return [1 - beta1 ** (step + 1), 1 - beta2 ** (step + 1)];
}

export function norm(x: Floats): number {
  let squares = 0;
  for (const value of x) squares += value * value;
  return Math.sqrt(squares);
}
