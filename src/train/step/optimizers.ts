import { z } from "zod";
import { type Kind, unionOf } from "../../kinds.js";
import { DENSE_OPTIMIZERS } from "../../ops/dense-optimizers.js";
import { EMBEDDING_OPTIMIZERS } from "../../ops/embedding-optimizers/index.js";
import { nonnegative } from "../../ops/embedding-optimizers/settings.js";
import { scheduleSchema } from "../schedules.js";
import { patternSchema } from "./patterns.js";

const schedule = scheduleSchema.optional();

type Scheduled<T extends readonly Kind[]> = {
  [I in keyof T]: {
    readonly schema: z.ZodObject<
      T[I]["schema"]["shape"] & {
        /** How the learning rate changes over steps; default constant, or with train.epochs by default 1, cosine to 0. */
        schedule: typeof schedule;
      },
      z.core.$strict
    >;
  };
};

/** The optimizers, each with a learning-rate schedule. */
function scheduled<const T extends readonly [Kind, ...Kind[]]>(optimizers: T): Scheduled<T> {
  return optimizers.map(({ schema }) => ({ schema: schema.extend({ schedule }) })) as unknown as Scheduled<T>;
}

/** Optimizers for dense weights. */
const denseOptimizerSchema = unionOf(scheduled(DENSE_OPTIMIZERS));

/** Optimizers for embedding tables. */
const embeddingOptimizerSchema = unionOf(scheduled(EMBEDDING_OPTIMIZERS));

export const l2Schema = z.strictObject({
  /** Adds `dense * w` to the gradient of each dense weight and bias. */
  dense: nonnegative.default(0),
  /** Adds `embedding * w` to the gradient of embedding rows. */
  embedding: nonnegative.default(0),
  /**
   * Rows that get the penalty: all rows of all tables at every step, as in published baselines, or only the rows that
   * the batch looks up.
   */
  rows: z.enum(["all", "touched"]).default("all"),
});

/** Settings for parameters whose whole name matches a regular expression. The first match is used. */
const overrideSchema = z
  .strictObject({
    /** Matches whole names. */
    pattern: patternSchema,
    /** Optimizer for matching dense weights. */
    dense: denseOptimizerSchema.optional(),
    /** Optimizer for matching tables. */
    embedding: embeddingOptimizerSchema.optional(),
    /** Instead of train.l2. */
    l2: nonnegative.optional(),
  })
  .superRefine(({ dense, embedding, l2 }, context) => {
    if (dense === undefined && embedding === undefined && l2 === undefined)
      context.addIssue({ code: "custom", message: "an override gives dense, embedding or l2" });
  });

export const optimizerSchema = z.strictObject({
  /** Optimizer for weights and biases. */
  dense: denseOptimizerSchema.prefault({ kind: "adam" }),
  /** Optimizer for embedding tables. */
  embedding: embeddingOptimizerSchema.prefault({ kind: "rowWiseAdagrad" }),
  /** Settings for some parameters; the first match is used. */
  overrides: z.array(overrideSchema).default([]),
});

export type DenseOptimizer = z.output<typeof denseOptimizerSchema>;
export type EmbeddingOptimizer = z.output<typeof embeddingOptimizerSchema>;
export type L2 = z.output<typeof l2Schema>;
export type Optimizers = z.output<typeof optimizerSchema>;

/** The optimizer's settings as attributes of its operation, without `kind` and the schedule. */
export function settingsOf(optimizer: DenseOptimizer | EmbeddingOptimizer) {
  const { kind, learningRate, schedule, lazy, initialAccumulator, ...settings } = {
    lazy: true,
    initialAccumulator: 0,
    ...optimizer,
  };
  return { lazy, initialAccumulator, settings: settings as Readonly<Record<string, number>> };
}
