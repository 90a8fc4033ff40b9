import { z } from "zod";
import { scheduleSchema } from "../schedules.js";
import { patternSchema } from "./patterns.js";

/** The learning rate that the schedule starts from or scales. */
const rate = z.number().positive();
const beta = z.number().min(0).lt(1);
/** Keeps a division finite. */
const eps = (value: number) => z.number().positive().default(value);
const nonnegative = z.number().nonnegative();
/** What the sum of squared gradients starts from. */
const initialAccumulator = nonnegative.default(0);
/** How the learning rate changes from step to step. */
const schedule = scheduleSchema.prefault({ kind: "constant" });
const adam = {
  /** What the first moment keeps of itself at each update. */
  beta1: beta.default(0.9),
  /** What the second moment keeps of itself at each update. */
  beta2: beta.default(0.999),
  /** Keeps the division by the root of the second moment finite. */
  eps: eps(1e-8),
};

/** Update only the rows that a batch looks up; false moves every row by its momentum, as a dense optimizer does. */
const lazy = z.boolean().default(true);

/** Optimizers of dense weights. */
export const denseOptimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sgd"), learningRate: rate.default(0.1), schedule }),
  z.strictObject({
    kind: z.literal("adagrad"),
    learningRate: rate.default(0.01),
    eps: eps(1e-10),
    initialAccumulator,
    schedule,
  }),
  z.strictObject({ kind: z.literal("adam"), learningRate: rate.default(0.001), ...adam, schedule }),
  z.strictObject({
    kind: z.literal("adamw"),
    learningRate: rate.default(0.001),
    ...adam,
    /** Takes `learningRate * weightDecay * w` from each weight, apart from the gradient. */
    weightDecay: nonnegative.default(0.01),
    schedule,
  }),
]);

/** Optimizers of embedding tables. */
export const embeddingOptimizerSchema = z.discriminatedUnion("kind", [
  z.strictObject({ kind: z.literal("sgd"), learningRate: rate.default(0.1), schedule }),
  z.strictObject({
    kind: z.literal("adagrad"),
    learningRate: rate.default(0.01),
    eps: eps(1e-8),
    initialAccumulator,
    schedule,
  }),
  z.strictObject({
    kind: z.literal("rowWiseAdagrad"),
    learningRate: rate.default(0.01),
    eps: eps(1e-8),
    initialAccumulator,
    schedule,
  }),
  z.strictObject({ kind: z.literal("adam"), learningRate: rate.default(0.001), ...adam, lazy, schedule }),
  /** Adam with one second moment a row: the state of a table is half as large. */
  z.strictObject({
    kind: z.literal("partialRowWiseAdam"),
    learningRate: rate.default(0.001),
    ...adam,
    lazy,
    schedule,
  }),
  /** Adam's direction, scaled for each row by the row's norm. */
  z.strictObject({
    kind: z.literal("lamb"),
    learningRate: rate.default(0.001),
    ...adam,
    /** Adds `weightDecay * w` to the direction. */
    weightDecay: nonnegative.default(0),
    lazy,
    schedule,
  }),
  /** LAMB with one second moment a row: the state of a table is half as large. */
  z.strictObject({
    kind: z.literal("partialRowWiseLamb"),
    learningRate: rate.default(0.001),
    ...adam,
    /** Adds `weightDecay * w` to the direction. */
    weightDecay: nonnegative.default(0),
    lazy,
    schedule,
  }),
  /** SGD with momentum whose rate for each row is in proportion to the row's norm over its gradient's. */
  z.strictObject({
    kind: z.literal("larsSgd"),
    learningRate: rate.default(0.1),
    /** What the momentum keeps of itself at each update. */
    momentum: beta.default(0.9),
    /** The trust coefficient: how much of a row's norm one update may change, at a learning rate of 1. */
    eta: rate.default(0.001),
    /** Adds `weightDecay * w` to the gradient. */
    weightDecay: nonnegative.default(0),
    lazy,
    schedule,
  }),
  z.strictObject({
    kind: z.literal("rmsprop"),
    learningRate: rate.default(0.01),
    /** What the mean square keeps of itself at each update. */
    decay: beta.default(0.99),
    eps: eps(1e-8),
    lazy,
    schedule,
  }),
  z.strictObject({
    kind: z.literal("adadelta"),
    learningRate: rate.default(1),
    /** What both mean squares keep of themselves at each update. */
    decay: beta.default(0.9),
    eps: eps(1e-6),
    lazy,
    schedule,
  }),
]);

export const l2Schema = z.strictObject({
  /** Adds `dense * w` to the gradient of every dense weight and bias. */
  dense: nonnegative.default(0),
  /** Adds `embedding * w` to the gradient of embedding rows. */
  embedding: nonnegative.default(0),
  /** Which rows: all of every table at every step, as published baselines mean it, or those a batch looks up. */
  rows: z.enum(["all", "touched"]).default("all"),
});

/** Other settings for the parameters whose whole name matches a regular expression. The first that matches counts. */
const overrideSchema = z
  .strictObject({
    /** For the whole name. */
    pattern: patternSchema,
    /** For the dense weights among them. */
    dense: denseOptimizerSchema.optional(),
    /** For the tables among them. */
    embedding: embeddingOptimizerSchema.optional(),
    /** Instead of train.l2. */
    l2: nonnegative.optional(),
  })
  .superRefine(({ dense, embedding, l2 }, context) => {
    if (dense === undefined && embedding === undefined && l2 === undefined)
      context.addIssue({ code: "custom", message: "an override gives dense, embedding or l2" });
  });

export const optimizerSchema = z.strictObject({
  /** Of weights and biases. */
  dense: denseOptimizerSchema.prefault({ kind: "adam" }),
  /** Of embedding tables. */
  /** Of embedding tables. */
  embedding: embeddingOptimizerSchema.prefault({ kind: "rowWiseAdagrad" }),
  /** Other settings for parameters by name. */
  /** Other settings for some parameters; the first that matches counts. */
  overrides: z.array(overrideSchema).default([]),
});

export type DenseOptimizer = z.output<typeof denseOptimizerSchema>;
export type EmbeddingOptimizer = z.output<typeof embeddingOptimizerSchema>;
export type L2 = z.output<typeof l2Schema>;
export type Optimizers = z.output<typeof optimizerSchema>;
