import type { TrainInput } from "../train/train-config.js";
import type { IdFeatures } from "./id-features.js";
import { mapLoss } from "./map-loss.js";
import { mapMetrics } from "./map-metrics.js";
import { denseOptimizer, embeddingOptimizer } from "./map-optimizers.js";
import type { Section } from "./section.js";

/** Settings of training in `data_config`. */
export interface Order extends Pick<TrainInput, "sampleMask"> {
  readonly batchSize: number;
  readonly shuffle: boolean;
}

const HARDWARE = "concerns hardware: Pairloom computes everything in float32";

/** `train_config`, `eval_config` and `export_config`, with the loss and metrics of the model. @throws ImportError */
export function mapTraining(
  root: Section,
  { batchSize, shuffle, sampleMask }: Order,
  ids: IdFeatures,
): TrainInput {
  const section = root.required("train_config");
  const model = root.required("model_config");
  const dense = denseOptimizer(section.required("dense_optimizer"));
  const embedding = embeddingOptimizer(section.required("sparse_optimizer"));
  const l2 = { ...(dense.l2 !== 0 && { dense: dense.l2 }), ...embedding.l2 };
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
  const average = averageOf(root, section);
  return {
    batchSize,
    ...duration(section),
    ...(!shuffle && { shuffle }),
    ...(sampleMask && { sampleMask }),
    initializer: "torch",
    ...mapLoss(model, ids),
    ...mapMetrics(model, batchSize, ids),
    optimizer: { dense: dense.optimizer, embedding: embedding.optimizer },
    ...(Object.keys(l2).length > 0 && { l2 }),
    ...(Object.keys(clip).length > 0 && { clip }),
    ...(average && { average }),
    ...saving(root, section),
  };
}

/** How often the model is evaluated and saved; every evaluation saves a checkpoint. */
function saving(root: Section, section: Section): Pick<TrainInput, "evaluateEvery" | "checkpoint"> {
  const epochs = section.number("save_checkpoints_epochs") ?? 0;
  const steps = section.number("save_checkpoints_steps")!;
  if (epochs > 1)
    section.warn(
      "save_checkpoints_epochs",
      "has no counterpart: the model is evaluated and saved after every epoch",
    );
  const every = epochs > 0 ? 0 : steps;
  if (epochs === 0 && steps === 0)
    section.warn(
      "save_checkpoints_steps",
      "is 0, so TorchEasyRec saves only at the end; Pairloom evaluates and saves after every epoch",
    );
  const isEvaluated = (root.text("eval_input_path") ?? "") !== "";
  const keep = section.number("keep_checkpoint_max")!;
  if (keep === 0)
    section.warn(
      "keep_checkpoint_max",
      "is 0, which keeps all checkpoints in TorchEasyRec; Pairloom keeps the best and the newest two: set train.checkpoint.keep to keep more",
    );
  const checkpoint = { ...(every > 0 && !isEvaluated && { every }), ...(keep > 0 && { keep }) };
  return {
    ...(every > 0 && isEvaluated && { evaluateEvery: every }),
    ...(Object.keys(checkpoint).length > 0 && { checkpoint }),
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
    [
      "save_checkpoints_timestamp_interval",
      "save_checkpoints_timestamps",
      "save_checkpoints_timestamp_quorum",
      "delta_embedding_dump_config",
    ],
    "has no counterpart: checkpoints are saved by steps and epochs",
  );
  root.text("model_dir"); // the run directory is set by pairloom train --run
  root.ignore(["export_config"], "concerns the exporter");
}

/** `ema`, and whether evaluations use it. */
function averageOf(root: Section, section: Section): TrainInput["average"] {
  const evaluation = root.section("eval_config");
  evaluation?.ignore(
    ["num_steps", "log_step_count_steps"],
    "has no counterpart: evaluations read the whole split",
  );
  const ema = section.required("dense_optimizer").section("ema");
  const isUsed = evaluation?.has("use_dense_ema") ? evaluation.boolean("use_dense_ema")! : ema !== undefined;
  if (isUsed === (ema !== undefined)) return ema && { decay: ema.number("decay")! };
  throw evaluation!.error("use_dense_ema", {
    what: "evaluations with other weights than the saved ones have no counterpart",
    expected: "true with dense_optimizer.ema, and false without it",
    next: "Remove it; with ema, evaluations and checkpoints use the average.",
  });
}

function duration(section: Section): Pick<TrainInput, "epochs" | "steps"> {
  const steps = section.number("num_steps");
  const epochs = section.number("num_epochs");
  if (steps && epochs)
    throw section.error("num_steps", {
      what: "num_steps and num_epochs cannot be used together",
      next: "Keep one of them: TorchEasyRec would stop at whichever comes first, and its documentation allows one.",
    });
  if (steps) return { steps };
  if (!epochs)
    section.warn("num_epochs", "is missing, and so is num_steps; TorchEasyRec needs one. It is set to 1");
  return { epochs: epochs || 1 };
}

function clipping(section: Section): TrainInput["clip"] {
  const clip = section.section("grad_clipping");
  if (!clip) return undefined;
  const type = clip.text("clipping_type")!.toLowerCase();
  const limit = clip.number("max_gradient");
  clip.ignore(["enable_global_grad_clip"], "concerns several machines");
  if (type === "none") {
    clip.ignore(["max_gradient", "norm_type"], "has no effect without a clipping_type");
    return undefined;
  }
  if (type === "value") return { value: limit };
  if (type !== "norm") throw clip.unsupported("clipping_type", "Use norm or value.");
  clip.onlyDefault("norm_type", 2, "Remove it: Pairloom clips gradients by their Euclidean norm.");
  return { norm: limit };
}
