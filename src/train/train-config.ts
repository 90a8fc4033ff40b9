import { z } from "zod";
import { PRECISIONS } from "../graph/precision.js";
import { METRIC_LIST, partsOf, type WatchedMetric, watchedMetricSchema } from "../metrics/index.js";
import { MOST_GROUPS } from "../passes/geometry.js";
import { earlyStoppingSchema } from "./early-stopping.js";
import { initializeFromSchema } from "./initialize-from.js";
import { clipSchema } from "./step/clip.js";
import { rowsPerStep } from "./step/gradient-accumulation.js";
import { factsOf, type Loss, lossSchema } from "./step/loss/index.js";
import { l2Schema, type Optimizers, optimizerSchema } from "./step/optimizers.js";

const count = z.int().positive();
/** Of one step: what a program can address. */
const MOST_ROWS = 2 ** 24;

/** The training section of a config. */
export const trainSchema = z
  .strictObject({
    /** Rows of a batch. */
    batchSize: count.max(2 ** 20).default(2048),
    /** Passes over the training split; default 1 where `steps` is not given. */
    epochs: count.optional(),
    /** Steps in all, instead of epochs. */
    steps: count.optional(),
    /**
     * Batches whose gradients make up one step: the update of a batch so many times as large, with the loss averaged
     * over all its rows, and the activations of no more rows in memory. Not with batch normalisation or the loss `jrc`.
     */
    gradientAccumulation: count.default(1),
    /** Names every random draw: initialisation, order, dropout. */
    seed: z.int().nonnegative().default(1),
    /** Whether epochs take the rows in a random order, another in each; false: as the files have them. */
    shuffle: z.boolean().default(true),
    /** What training minimises. */
    loss: lossSchema.prefault({ kind: "binaryCrossEntropy" }),
    /** Of several labels: how much the loss of each counts, by name; default 1. */
    labelWeights: z.record(z.string(), z.number().positive()).optional(),
    /** How weights and tables are updated. */
    optimizer: optimizerSchema.prefault({}),
    /** Penalties on the size of weights. */
    l2: l2Schema.prefault({}),
    /** Bounds on gradients. */
    clip: clipSchema.optional(),
    /**
     * An exponential moving average of the dense weights, `average = decay average + (1 - decay) w` at every step:
     * evaluations and checkpoints have the average in place of the weights, training goes on with the weights.
     */
    average: z
      .strictObject({
        /** What the average keeps of itself at every step. */
        decay: z.number().min(0).lt(1).default(0.999),
      })
      .optional(),
    /** The weights to start from, instead of random ones. */
    initializeFrom: initializeFromSchema.optional(),
    /** Adds metrics within groups of rows (grouped AUC, recall@k) to evaluations. */
    groups: z
      .strictObject({
        /** An id feature, which the model need not use: rows of one id are one group. */
        by: z.string().min(1),
        /** The k's of recall@k. */
        recallAt: z.array(count).default([]),
      })
      .optional(),
    /** Rows after which a row counts half in the training AUC; default: all rows since the last evaluation alike. */
    metricsHalfLife: count.optional(),
    /** Steps between evaluations on the validation split; default once an epoch. */
    evaluateEvery: count.optional(),
    /**
     * The validation metric that names the best checkpoint. Of several labels `<label>.<metric>` names one; without a
     * label it is the metric of the first.
     */
    metric: watchedMetricSchema.default("auc"),
    /** Stops when a validation metric no longer improves. */
    earlyStopping: earlyStoppingSchema.optional(),
    /** When the run is saved. */
    checkpoint: z
      .strictObject({
        /** Steps between checkpoints, besides those that every evaluation makes. */
        every: count.optional(),
        /** Checkpoints kept beside the best. */
        keep: count.default(2),
      })
      .prefault({}),
    /**
     * How the operands of matrix products are rounded: `bf16` is about twice as fast where the processor multiplies
     * bfloat16. Sums, weights and all else are fp32 in both.
     */
    precision: z.enum(PRECISIONS).default("fp32"),
    /**
     * Parts of a batch whose gradients are summed by themselves and then added along a balanced tree: as many threads and
     * machines can share a batch. Default: the largest power of two up to 64 that leaves each part at least 128 rows. It
     * is part of the run: other groups give other last bits.
     */
    accumulationGroups: count.max(MOST_GROUPS).optional(),
    /** Native threads; default the machine's processors. Results do not depend on it. */
    threads: count.max(1024).optional(),
  })
  .superRefine((train, context) => {
    const complain = (path: (string | number)[], message: string) =>
      context.addIssue({ code: "custom", path, message });
    if (rowsPerStep(train) > MOST_ROWS)
      complain(
        ["gradientAccumulation"],
        `a step has at most ${MOST_ROWS} rows: batchSize x gradientAccumulation`,
      );
    if (train.epochs !== undefined && train.steps !== undefined)
      complain(["steps"], "give epochs or steps, not both");
    if (train.groups && factsOf(train.loss).task.predicts === "classes")
      complain(["groups"], "metrics within groups are of one probability, and the loss predicts classes");
    for (const { path, metric } of watchedMetrics(train)) {
      const reason = whyUnmeasured(metric, train);
      if (reason) complain(path, reason);
    }
  });

interface Watching {
  readonly metric: WatchedMetric;
  readonly earlyStopping?: { readonly metric: WatchedMetric };
  readonly optimizer: Optimizers;
}

/** Every place of the config that waits for a metric. */
export function watchedMetrics({ metric, earlyStopping, optimizer }: Watching) {
  const watched: { path: (string | number)[]; metric: WatchedMetric }[] = [{ path: ["metric"], metric }];
  if (earlyStopping) watched.push({ path: ["earlyStopping", "metric"], metric: earlyStopping.metric });
  const settings = [
    { path: ["optimizer"], of: optimizer },
    ...optimizer.overrides.map((of, i) => ({ path: ["optimizer", "overrides", i], of })),
  ];
  for (const { path, of } of settings)
    for (const part of ["dense", "embedding"] as const) {
      const schedule = of[part]?.schedule;
      if (schedule?.kind === "reduceOnPlateau")
        watched.push({ path: [...path, part, "schedule", "metric"], metric: schedule.metric });
    }
  return watched;
}

function whyUnmeasured(watched: WatchedMetric, { loss, groups }: { loss: Loss; groups?: object }) {
  const { predicts } = factsOf(loss).task;
  const known = METRIC_LIST.filter(([, metric]) => metric.better && metric[predicts]);
  const measured = known.filter(([, { grouped }]) => groups || !grouped).map(([name]) => name);
  const { metric } = partsOf(watched);
  if (measured.includes(metric)) return undefined;
  if (known.some(([name]) => name === metric)) return `${metric} needs train.groups`;
  return `${loss.kind} predicts ${predicts}, for which there is no ${metric}: name one of ${measured.join(", ")}`;
}

export type TrainInput = z.input<typeof trainSchema>;
export type TrainConfig = z.output<typeof trainSchema>;
