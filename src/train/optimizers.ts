import { z } from "zod";
import { scheduleSchema } from "./schedules.js";

const rate = z.number().positive();
const beta = z.number().min(0).lt(1);
const schedule = scheduleSchema.default({ kind: "constant" });
const adam = {
  beta1: beta.default(0.9),
  beta2: beta.default(0.999),
  eps: z.number().positive().default(1e-8),
};

/** Optimizers of dense weights. */
export const denseOptimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sgd"), learningRate: rate.default(0.1), schedule }),
  z.strictObject({
    kind: z.literal("adagrad"),
    learningRate: rate.default(0.01),
    eps: z.number().positive().default(1e-10),
    initialAccumulator: z.number().nonnegative().default(0),
    schedule,
  }),
  z.strictObject({ kind: z.literal("adam"), learningRate: rate.default(0.001), ...adam, schedule }),
  z.strictObject({
    kind: z.literal("adamw"),
    learningRate: rate.default(0.001),
    ...adam,
    weightDecay: z.number().nonnegative().default(0.01),
    schedule,
  }),
]);

/** Optimizers of embedding tables. */
export const embeddingOptimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sgd"), learningRate: rate.default(0.1), schedule }),
  z.strictObject({
    kind: z.literal("adagrad"),
    learningRate: rate.default(0.01),
    eps: z.number().positive().default(1e-8),
    initialAccumulator: z.number().nonnegative().default(0),
    schedule,
  }),
  z.strictObject({
    kind: z.literal("rowWiseAdagrad"),
    learningRate: rate.default(0.01),
    eps: z.number().positive().default(1e-8),
    initialAccumulator: z.number().nonnegative().default(0),
    schedule,
  }),
  z.strictObject({
    kind: z.literal("adam"),
    learningRate: rate.default(0.001),
    ...adam,
    /** Update only the rows that a batch looks up; false moves every row by its momentum, as dense Adam does. */
    lazy: z.boolean().default(true),
    schedule,
  }),
]);

export const l2Schema = z.strictObject({
  /** Adds `dense * w` to the gradient of every dense weight and bias. */
  dense: z.number().nonnegative().default(0),
  /** Adds `embedding * w` to the gradient of embedding rows. */
  embedding: z.number().nonnegative().default(0),
  /** Which rows: all of every table at every step, as published baselines mean it, or those a batch looks up. */
  rows: z.enum(["all", "touched"]).default("all"),
});

export const optimizerSchema = z.strictObject({
  dense: denseOptimizerSchema.default({
    kind: "adam",
    learningRate: 0.001,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    schedule: { kind: "constant" },
  }),
  embedding: embeddingOptimizerSchema.default({
    kind: "rowWiseAdagrad",
    learningRate: 0.01,
    eps: 1e-8,
    initialAccumulator: 0,
    schedule: { kind: "constant" },
  }),
});

export type DenseOptimizer = z.output<typeof denseOptimizerSchema>;
export type EmbeddingOptimizer = z.output<typeof embeddingOptimizerSchema>;
export type L2 = z.output<typeof l2Schema>;
export type Optimizers = z.output<typeof optimizerSchema>;
