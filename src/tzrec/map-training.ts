import type { TrainInput } from "../train/train-config.js";
import type { IdFeatures } from "./id-features.js";
import { mapLoss } from "./map-loss.js";
import { mapMetrics } from "./map-metrics.js";
import type { Section } from "./section.js";

type OptimizerInput = NonNullable<TrainInput["optimizer"]>;
type ScheduleInput = NonNullable<NonNullable<OptimizerInput["dense"]>["schedule"]>;

/** Batch settings of `data_config`. */
export interface Order {
  readonly batchSize: number;
  readonly shuffle: boolean;
}

const HARDWARE = "concerns hardware: Pairloom computes everything in float32";

/** `train_config`, `eval_config` and `export_config`, with the loss and metrics of the model. @throws ImportError */
export function mapTraining(root: Section, { batchSize, shuffle }: Order, ids: IdFeatures): TrainInput {
  const section = root.required("train_config");
  const model = root.required("model_config");
  const dense = denseOptimizer(section.required("dense_optimizer"));
  const embedding = embeddingOptimizer(section.required("sparse_optimizer"));
  const l2 = { ...dense.l2, ...embedding.l2 };
  ignoreCluster(root, section);
  section.onlyDefault(
    "gradient_accumulation_steps",
    1,
    "Remove it; after the import you can set train.gradientAccumulation. TorchEasyRec updates tables in every batch even so, and its steps count batches.",
  );
  for (const name of ["fine_tune_checkpoint", "fine_tune_ckpt_param_map"])
    if (section.has(name))
      throw section.unsupported(name, "Remove it, and import the weights with --weights.");
  const clip = { ...clipping(section), ...embedding.clip };
  const every = section.number("save_checkpoints_steps");
  const keep = section.number("keep_checkpoint_max") ?? 0;
  return {
    batchSize,
    ...duration(section),
    ...(!shuffle && { shuffle }),
    ...mapLoss(model, ids),
    ...mapMetrics(model, batchSize, ids),
    optimizer: { dense: dense.optimizer, embedding: embedding.optimizer },
    ...(Object.keys(l2).length > 0 && { l2 }),
    ...(Object.keys(clip).length > 0 && { clip }),
    ...(every !== undefined && { evaluateEvery: every }),
    ...(keep > 0 && { checkpoint: { keep } }),
  };
}

function ignoreCluster(root: Section, section: Section): void {
  section.ignore(
    ["log_step_count_steps", "is_profiling", "use_tensorboard", "tensorboard_summaries"],
    "concerns their logs",
  );
  section.ignore(["cudnn_allow_tf32", "cuda_matmul_allow_tf32", "mixed_precision", "grad_scaler"], HARDWARE);
  section.ignore(["global_embedding_constraints"], "concerns the placement of tables");
  section.ignore(
    ["save_checkpoints_epochs"],
    "has no counterpart: the model is evaluated and saved after every epoch, or every save_checkpoints_steps",
  );
  root.text("model_dir"); // the run directory is set by pairloom train --run
  root.ignore(["eval_config"], "has no counterpart: evaluations read the whole split");
  root.ignore(["export_config"], "concerns the exporter");
}

function duration(section: Section): Pick<TrainInput, "epochs" | "steps"> {
  const steps = section.number("num_steps");
  const epochs = section.number("num_epochs");
  if (steps && epochs) section.warn("num_steps", "is used, and num_epochs is ignored");
  if (steps) return { steps };
  return { epochs: epochs || 1 };
}

interface Mapped<T> {
  readonly optimizer: T;
  readonly l2: NonNullable<TrainInput["l2"]>;
}

const SCHEDULES = ["constant_learning_rate", "exponential_decay_learning_rate", "manual_step_learning_rate"];
const DENSE = ["sgd_optimizer", "adagrad_optimizer", "adam_optimizer", "adamw_optimizer"];
const SPARSE = [
  "sgd_optimizer",
  "adagrad_optimizer",
  "adam_optimizer",
  "lars_sgd_optimizer",
  "lamb_optimizer",
  "partial_rowwise_lamb_optimizer",
  "partial_rowwise_adam_optimizer",
  "rowwise_adagrad_optimizer",
];

function denseOptimizer(section: Section): Mapped<NonNullable<OptimizerInput["dense"]>> {
  if (section.has("param_optimizers"))
    throw section.unsupported(
      "param_optimizers",
      "Remove them; after the import add train.optimizer.overrides with patterns for Pairloom's parameter names.",
    );
  const name = section.oneOf(DENSE) ?? section.missing("adam_optimizer");
  const settings = section.section(name)!;
  const schedule = learningRate(section, settings);
  const decay = settings.number("weight_decay") ?? 0;
  settings.onlyDefault("momentum", 0, "Remove it, or use adam_optimizer: momentum alone has no counterpart.");
  switch (name) {
    case "sgd_optimizer":
      return { optimizer: { kind: "sgd", ...schedule }, l2: denseL2(decay) };
    case "adagrad_optimizer":
      return { optimizer: { kind: "adagrad", ...schedule }, l2: denseL2(decay) };
    case "adam_optimizer":
      return { optimizer: { kind: "adam", ...schedule, ...betas(settings) }, l2: denseL2(decay) };
    default:
      return { optimizer: { kind: "adamw", ...schedule, ...betas(settings), weightDecay: decay }, l2: {} };
  }
}

/** Weight decay in PyTorch, except for AdamW, is L2 regularisation: it is added to the gradient. */
const denseL2 = (decay: number) => (decay > 0 ? { dense: decay } : {});

function embeddingOptimizer(
  section: Section,
): Mapped<NonNullable<OptimizerInput["embedding"]>> & { clip?: TrainInput["clip"] } {
  const name = section.oneOf(SPARSE) ?? section.missing("adagrad_optimizer");
  const settings = section.section(name)!;
  const schedule = learningRate(section, settings);
  const clip = tableClipping(settings);
  return { ...embeddingUpdate(name, settings, schedule), ...(clip && { clip }) };
}

/** TorchEasyRec limits the gradient of each sample. */
function tableClipping(settings: Section): NonNullable<TrainInput["clip"]> | undefined {
  const limit = settings.number("max_gradient") ?? 1;
  if (!settings.boolean("gradient_clipping")) return undefined;
  settings.warn(
    "gradient_clipping",
    "clips the gradient of a row: Pairloom sums duplicates first, then limits the elements",
  );
  return { embedding: { value: limit } };
}

function embeddingUpdate(
  name: string,
  settings: Section,
  schedule: ReturnType<typeof learningRate>,
): Mapped<NonNullable<OptimizerInput["embedding"]>> {
  switch (name) {
    case "sgd_optimizer":
      return { optimizer: { kind: "sgd", ...schedule }, l2: {} };
    case "adagrad_optimizer":
      return { optimizer: { kind: "adagrad", ...schedule }, l2: {} };
    case "rowwise_adagrad_optimizer":
      return { optimizer: { kind: "rowWiseAdagrad", ...schedule }, l2: rowWiseL2(settings) };
    case "adam_optimizer":
    case "partial_rowwise_adam_optimizer": {
      settings.onlyDefault(
        "weight_decay",
        0,
        "Remove it: this optimizer has no decoupled weight decay in Pairloom.",
      );
      const kind = name === "adam_optimizer" ? "adam" : "partialRowWiseAdam";
      return { optimizer: { kind, ...schedule, ...betas(settings) }, l2: {} };
    }
    case "lars_sgd_optimizer": {
      const momentum = settings.number("momentum");
      const weightDecay = settings.number("weight_decay") ?? 0;
      const own = { ...(momentum !== undefined && { momentum }), weightDecay };
      return { optimizer: { kind: "larsSgd", ...schedule, ...own }, l2: {} };
    }
    default: {
      const kind = name === "lamb_optimizer" ? "lamb" : "partialRowWiseLamb";
      const weightDecay = settings.number("weight_decay") ?? 0;
      return { optimizer: { kind, ...schedule, ...betas(settings), weightDecay }, l2: {} };
    }
  }
}

/** Fused optimizers apply weight decay only to the rows of the batch. */
function rowWiseL2(settings: Section): NonNullable<TrainInput["l2"]> {
  const decay = settings.number("weight_decay") ?? 0;
  const mode = settings.choice("weight_decay_mode") ?? "NONE";
  if (mode === "DECOUPLE" && decay > 0)
    throw settings.unsupported("weight_decay_mode", "Use L2, or remove it.");
  return mode === "L2" && decay > 0 ? { embedding: decay, rows: "touched" } : {};
}

function betas(settings: Section): { beta1?: number; beta2?: number } {
  const beta1 = settings.number("beta1");
  const beta2 = settings.number("beta2");
  return { ...(beta1 !== undefined && { beta1 }), ...(beta2 !== undefined && { beta2 }) };
}

/** The base learning rate and its schedule. */
function learningRate(
  section: Section,
  settings: Section,
): { learningRate: number; schedule?: ScheduleInput } {
  const base = settings.number("lr") ?? 0.002;
  const name = section.oneOf(SCHEDULES);
  const schedule = name === undefined ? undefined : section.section(name)!;
  if (schedule && name === "exponential_decay_learning_rate") return exponential(base, schedule);
  if (schedule && name === "manual_step_learning_rate") return manual(base, schedule);
  return { learningRate: base };
}

const byOf = (section: Section) => (section.boolean("by_epoch") ? { by: "epoch" as const } : {});

function exponential(base: number, section: Section): { learningRate: number; schedule: ScheduleInput } {
  const length = section.number("warmup_size") ?? 0;
  const from = section.number("warmup_learning_rate") ?? 0;
  const minLearningRate = section.number("min_learning_rate") ?? 0;
  const schedule: ScheduleInput = {
    kind: "exponential",
    rate: section.number("decay_factor") ?? 0.95,
    steps: section.number("decay_size") || section.missing("decay_size"),
    staircase: section.boolean("staircase") ?? true,
    ...(minLearningRate > 0 && { minLearningRate }),
    ...(length > 0 && { warmup: { length, from } }),
    ...byOf(section),
  };
  return { learningRate: base, schedule };
}

/** With a warm-up, the rate grows from the base to the first rate of the list, which is then the base. */
function manual(base: number, section: Section): { learningRate: number; schedule: ScheduleInput } {
  // In TorchEasyRec a rate starts in the step after its boundary.
  const boundaries = section.numbers("schedule_sizes").map((boundary) => boundary + 1);
  const learningRates = section.numbers("learning_rates");
  const by = byOf(section);
  if (!section.boolean("warmup"))
    return { learningRate: base, schedule: { kind: "manual", boundaries, learningRates, ...by } };
  const [after, ...later] = boundaries;
  const [first, ...rates] = learningRates;
  const length = after - 1;
  const warmup = { length, from: base };
  const shifted = later.map((boundary) => boundary - length);
  return {
    learningRate: first,
    schedule:
      shifted.length === 0
        ? { kind: "constant", warmup, ...by }
        : { kind: "manual", boundaries: shifted, learningRates: rates, warmup, ...by },
  };
}

function clipping(section: Section): TrainInput["clip"] {
  const clip = section.section("grad_clipping");
  if (!clip) return undefined;
  const type = clip.text("clipping_type") ?? "none";
  const limit = clip.number("max_gradient") ?? 1;
  clip.ignore(["enable_global_grad_clip"], "concerns several machines");
  if (type === "none") return undefined;
  if (type === "value") return { value: limit };
  if (type !== "norm") throw clip.unsupported("clipping_type", "Use norm or value.");
  clip.onlyDefault("norm_type", 2, "Remove it: Pairloom clips gradients by their Euclidean norm.");
  return { norm: limit };
}
