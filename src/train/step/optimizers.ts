import { z } from "zod";
import { type Kind, unionOf } from "../../kinds.js";
import { DENSE_OPTIMIZERS } from "../../ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../../ops/embedding-optimizers/index.js";
import { nonnegative } from "../../ops/embedding-optimizers/settings.js";
import { scheduleSchema } from "../schedules.js";
import { patternSchema } from "./patterns.js";

const schedule = scheduleSchema.prefault({ kind: "constant" });

type Scheduled<T extends readonly Kind[]> = {
  [I in keyof T]: {
    readonly schema: z.ZodObject<
      T[I]["schema"]["shape"] & {
        /** How the learning rate changes from step to step. */
        schedule: typeof schedule;
      },
      z.core.$strict
    >;
  };
};

/** The optimizers, each with a schedule of its learning rate. */
function scheduled<const T extends readonly [Kind, ...Kind[]]>(optimizers: T): Scheduled<T> {
  return optimizers.map(({ schema }) => ({ schema: schema.extend({ schedule }) })) as unknown as Scheduled<T>;
}

/** Optimizers of dense weights. */
export const denseOptimizerSchema = unionOf(scheduled(DENSE_OPTIMIZERS));

/** Optimizers of embedding tables. */
export const embeddingOptimizerSchema = unionOf(scheduled(EMBEDDING_OPTIMIZERS));

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
  embedding: embeddingOptimizerSchema.prefault({ kind: "rowWiseAdagrad" }),
  /** Other settings for some parameters; the first that matches counts. */
  overrides: z.array(overrideSchema).default([]),
});

export type DenseOptimizer = z.output<typeof denseOptimizerSchema>;
export type EmbeddingOptimizer = z.output<typeof embeddingOptimizerSchema>;
export type L2 = z.output<typeof l2Schema>;
export type Optimizers = z.output<typeof optimizerSchema>;

/** The settings of an optimizer's operation, apart from what every optimizer has: how it is chosen and how its rate changes. */
export function settingsOf(optimizer: DenseOptimizer | EmbeddingOptimizer) {
  const { kind, learningRate, schedule, lazy, initialAccumulator, ...settings } = {
    lazy: true,
    initialAccumulator: 0,
    ...optimizer,
  };
  return { lazy, initialAccumulator, settings: settings as Readonly<Record<string, number>> };
}
