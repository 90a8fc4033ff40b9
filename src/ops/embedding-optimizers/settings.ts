import { z } from "zod";

/* Settings shared by optimizers. */

/** The learning rate; a schedule starts from it or scales it. */
/** 0 leaves the weights as they are. */
export const rate = z.number().nonnegative();
export const nonnegative = z.number().nonnegative();
export const decay = z.number().min(0).lt(1);
/** Avoids division by zero. */
export const eps = (value: number) => z.number().positive().default(value);
/** Initial value of the sum of squared gradients. */
export const initialAccumulator = nonnegative.default(0);
export const adamSettings = {
  /** Decay of the first moment per update. */
  beta1: decay.default(0.9),
  /** Decay of the second moment per update. */
  beta2: decay.default(0.999),
  /** Added to the root of the second moment to avoid division by zero. */
  eps: eps(1e-8),
};
/** Update only the rows that a batch looks up. With false, every row moves by its momentum, as in a dense optimizer. */
export const lazy = z.boolean().default(true);
