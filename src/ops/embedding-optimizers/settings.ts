import { z } from "zod";

/* The settings that optimizers share. */

/** The learning rate that the schedule starts from or scales. */
export const rate = z.number().positive();
export const nonnegative = z.number().nonnegative();
export const decay = z.number().min(0).lt(1);
/** Keeps a division finite. */
export const eps = (value: number) => z.number().positive().default(value);
/** What the sum of squared gradients starts from. */
export const initialAccumulator = nonnegative.default(0);
export const adamSettings = {
  /** What the first moment keeps of itself at each update. */
  beta1: decay.default(0.9),
  /** What the second moment keeps of itself at each update. */
  beta2: decay.default(0.999),
  /** Keeps the division by the root of the second moment finite. */
  eps: eps(1e-8),
};
/** Update only the rows that a batch looks up; false moves every row by its momentum, as a dense optimizer does. */
export const lazy = z.boolean().default(true);
