import { z } from "zod";
import { MONITORED_METRICS } from "../metrics/metric.js";
import { clipSchema } from "./clip.js";
import { earlyStoppingSchema } from "./early-stopping.js";
import { initializeFromSchema } from "./initialize-from.js";
import { lossSchema } from "./loss.js";
import { l2Schema, optimizerSchema } from "./optimizers.js";

const count = z.int().positive();

/** The training section of a config. */
export const trainSchema = z
  .strictObject({
    /** Rows a step. */
    batchSize: count.default(2048),
    /** Passes over the training split; default 1 where `steps` is not given. */
    epochs: count.optional(),
    /** Steps in all, instead of epochs. */
    steps: count.optional(),
    /** Names every random draw: initialisation, order, dropout. */
    seed: z.int().nonnegative().default(1),
    loss: lossSchema.prefault({ kind: "binaryCrossEntropy" }),
    optimizer: optimizerSchema.prefault({}),
    l2: l2Schema.prefault({}),
    clip: clipSchema.optional(),
    /**
     * An exponential moving average of the dense weights, `average = decay average + (1 - decay) w` at every step:
     * evaluations and checkpoints have the average in place of the weights, training goes on with the weights.
     */
    average: z.strictObject({ decay: z.number().min(0).lt(1).default(0.999) }).optional(),
    /** The weights to start from, instead of random ones. */
    initializeFrom: initializeFromSchema.optional(),
    /** Steps between evaluations on the validation split; default once an epoch. */
    evaluateEvery: count.optional(),
    /** The validation metric that names the best checkpoint. */
    metric: z.enum(MONITORED_METRICS).default("auc"),
    earlyStopping: earlyStoppingSchema.optional(),
    checkpoint: z
      .strictObject({
        /** Steps between checkpoints, besides those that every evaluation makes. */
        every: count.optional(),
        /** Checkpoints kept beside the best. */
        keep: count.default(2),
      })
      .prefault({}),
    /** Native threads; default the machine's processors. Results do not depend on it. */
    threads: count.optional(),
  })
  .superRefine(({ epochs, steps }, context) => {
    if (epochs !== undefined && steps !== undefined) {
      context.addIssue({ code: "custom", path: ["steps"], message: "give epochs or steps, not both" });
    }
  });

export type TrainConfig = z.output<typeof trainSchema>;
