import { z } from "zod";
import { PRECISIONS } from "../graph/precision.js";
import { WEIGHT_STARTS } from "../layers/scope.js";
import { METRIC_LIST, partsOf, type WatchedMetric, watchedMetricSchema } from "../metrics/index.js";
import { MOST_GROUPS } from "../passes/geometry.js";
import { earlyStoppingSchema } from "./early-stopping.js";
import { initializeFromSchema } from "./initialize-from.js";
import { sampleMaskSchema } from "./sample-mask.js";
import { clipSchema } from "./step/clip.js";
import { rowsPerStep } from "./step/gradient-accumulation.js";
import { factsOf, type Loss, lossSchema } from "./step/loss/index.js";
import { l2Schema, type Optimizers, optimizerSchema } from "./step/optimizers.js";

const count = z.int().positive();

/**
 * All ranks share a table: its rows, the columns of all rows, or both (rows and columns, or as many parts of each row); or one of
 * them has it (any one, or this one), or each has a copy.
 */
const placementSchema = z.union([
  z.enum(["rowWise", "columnWise", "grid", "tableWise", "replicated"]),
  z.strictObject({
    /** The ranks among which each row is divided. */
    columns: count.min(2),
  }),
  z.strictObject({
    /** The rank that has the table. */
    rank: z.int().nonnegative(),
  }),
]);

/** Maximum rows per step, limited by the program format. */
const MOST_ROWS = 2 ** 24;

/** More would only be slower. */
const MOST_SEEDS = 64;

/** The training section of a config. */
export const trainSchema = z
  .strictObject({
    /** Rows per batch. */
    batchSize: count.max(2 ** 20).default(2048),
    /**
     * Passes over the training split. If neither `epochs` nor `steps` is given: 1 from a million training rows on; with
     * fewer, early stopping on the validation split after at most 30, or 5 without one.
     */
    epochs: count.optional(),
    /** Total number of steps, instead of epochs. */
    steps: count.optional(),
    /**
     * Number of batches per update. The update equals that of a batch this many times as large, with the loss averaged
     * over all rows, but needs no more activation memory. Not with batch normalization or the loss `jrc`.
     */
    gradientAccumulation: count.default(1),
    /** Seed of every random draw: initialization, order, dropout, masks. */
    seed: z.int().nonnegative().default(1),
    /**
     * Trains this many models, with the seeds `seed`, `seed + 1`, …, and predicts with the mean of their logits; default 1.
     */
    seeds: count.max(MOST_SEEDS).optional(),
    /**
     * Initial weights without a setting of their own: `glorot` (with zero biases, small embeddings, and the bias of the
     * outputs at the base rate of the training rows), or `torch`, the defaults of PyTorch and TorchRec, for
     * comparisons: uniform within 1/sqrt(inputs), tables within 1/sqrt(rows).
     */
    initializer: z.enum(WEIGHT_STARTS).default("glorot"),
    /** Use a new random order of rows in each epoch; false: the order of the files. */
    shuffle: z.boolean().default(true),
    /** The loss that training minimizes. */
    loss: lossSchema.prefault({ kind: "binaryCrossEntropy" }),
    /** Loss weights of several labels, by label name; default 1. */
    labelWeights: z.record(z.string(), z.number().positive()).optional(),
    /** Optimizers of weights and tables. */
    optimizer: optimizerSchema.prefault({}),
    /** Penalties on the magnitude of weights. */
    l2: l2Schema.prefault({}),
    /** Limits for gradients. */
    clip: clipSchema.optional(),
    /**
     * Keeps an exponential moving average of the dense weights, `average = decay average + (1 - decay) w` at every
     * step. Evaluations and checkpoints use the average; training continues with the weights.
     */
    average: z
      .strictObject({
        /** Decay of the average per step. */
        decay: z.number().min(0).lt(1).default(0.999),
      })
      .optional(),
    /** Initial weights from a checkpoint instead of random ones. */
    initializeFrom: initializeFromSchema.optional(),
    /** Hides features in some samples of training, so that the model learns to do without them. */
    sampleMask: sampleMaskSchema.optional(),
    /** Adds metrics within groups of rows (grouped AUC, recall@k) to evaluations. */
    groups: z
      .strictObject({
        /** An id feature; rows with the same id form a group. The model need not use it. */
        by: z.string().min(1),
        /** The values of k for recall@k. */
        recallAt: z.array(count).default([]),
      })
      .optional(),
    /**
     * Number of rows after which a row's weight in the training AUC halves; default: all rows since the last evaluation
     * have equal weight.
     */
    metricsHalfLife: count.optional(),
    /** Steps between evaluations on the validation split; default once per epoch. */
    evaluateEvery: count.optional(),
    /**
     * The validation metric that selects the best checkpoint. With several labels, `<label>.<metric>`; without a label
     * it means the first label.
     */
    metric: watchedMetricSchema.default("auc"),
    /** Stops when a validation metric no longer improves; the default with few rows and no length. */
    earlyStopping: earlyStoppingSchema.optional(),
    /**
     * Stops with an error when the loss stays far above its running average. Set it to false for data whose loss has long
     * peaks, such as a season. A loss or weight that is not finite always stops a run.
     */
    stopOnDivergence: z.boolean().default(true),
    /** When checkpoints are saved. */
    checkpoint: z
      .strictObject({
        /** Steps between checkpoints, in addition to one at every evaluation. */
        every: count.optional(),
        /** Number of checkpoints kept, in addition to the best. */
        keep: count.default(2),
        /** Saves incremental checkpoints between complete ones. Default: all are complete. */
        full: z
          .strictObject({
            /**
             * One of this many checkpoints is complete. The others hold the rows of tables that have changed since the one
             * before, which is kept for them.
             */
            every: count,
          })
          .optional(),
      })
      .prefault({}),
    /** Publishes versions of the model while it trains, for programs that predict meanwhile. */
    publish: z
      .strictObject({
        /** Steps between versions, in addition to one at the end. */
        every: count,
        /** The directory of the versions; no other run may have published there. */
        to: z.string().min(1),
        /** Number of versions kept, in addition to those that they are based on. */
        keep: count.default(2),
        /** Between complete versions are those with the changes since the version before. */
        full: z
          .strictObject({
            /** One of this many versions is complete. */
            every: count.default(10),
          })
          .prefault({}),
      })
      .optional(),
    /**
     * Rounding of the operands of matrix products: `bf16` is about twice as fast on processors that multiply bfloat16.
     * Sums, weights and everything else are fp32 in both.
     */
    precision: z.enum(PRECISIONS).default("fp32"),
    /**
     * Number of parts of a batch whose gradients are summed separately, then added along a balanced tree. Up to this
     * many threads and machines can share a batch. Default: the largest power of two up to 64 that leaves each part at
     * least 128 rows; batches of fewer than 512 rows have up to 4 parts of at least 32. Part of the run: another number changes the last bits of results.
     */
    accumulationGroups: count.max(MOST_GROUPS).optional(),
    /**
     * Where several ranks keep embedding tables: `auto`, as `pairloom plan` would, or the path of a file that it has written.
     * Default: all ranks share every table. Does not affect results.
     */
    plan: z.string().min(1).optional(),
    /** Limits the choices of `auto`, by the name of a table: that of a feature, or of its embedding. */
    placement: z.record(z.string(), placementSchema).optional(),
    /** Native threads; default the number of processors. Does not affect results. */
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
    if (train.publish && (train.seeds ?? 1) > 1)
      complain(["publish"], "a run with several seeds has no model before its end: remove publish, or seeds");
    const { labels } = factsOf(train.loss).task;
    if (train.groups && typeof labels === "object" && labels.classes > 2)
      complain(
        ["groups"],
        "metrics within groups need one probability per row or two classes, but the loss predicts more",
      );
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

/** All places in the config that name a metric. */
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
  return `${loss.kind} predicts ${predicts}, which have no ${metric}: name one of ${measured.join(", ")}`;
}

export type TrainInput = z.input<typeof trainSchema>;
export type TrainConfig = z.output<typeof trainSchema>;
