import type { TrainInput } from "../train/train-config.js";
import { type LearningRate, learningRate } from "./map-schedule.js";
import type { Section } from "./section.js";

type OptimizerInput = NonNullable<TrainInput["optimizer"]>;
type DenseInput = NonNullable<OptimizerInput["dense"]>;
type EmbeddingInput = NonNullable<OptimizerInput["embedding"]>;

/** An optimizer of dense weights. PyTorch's weight decay is added to the gradient, except for AdamW. */
export interface MappedDense {
  readonly optimizer: DenseInput;
  readonly l2: number;
}

type Mapper<Optimizer> = (settings: Section, rate: LearningRate) => Optimizer;

const DENSE: Readonly<Record<string, Mapper<DenseInput>>> = {
  sgd_optimizer(settings, rate) {
    const momentum = settings.number("momentum")!;
    const more = { dampening: settings.number("dampening")!, nesterov: settings.boolean("nesterov")! };
    return momentum === 0 ? { kind: "sgd", ...rate } : { kind: "momentum", ...rate, momentum, ...more };
  },
  adagrad_optimizer: (settings, rate) => ({
    kind: "adagrad",
    ...rate,
    eps: settings.number("eps"),
    initialAccumulator: settings.number("initial_accumulator_value"),
  }),
  adam_optimizer: (settings, rate) => ({ kind: "adam", ...rate, ...moments(settings) }),
  adamw_optimizer: (settings, rate) => ({
    kind: "adamw",
    ...rate,
    ...moments(settings),
    weightDecay: settings.number("weight_decay"),
  }),
  adadelta_optimizer: (settings, rate) => ({ kind: "adadelta", ...rate, ...fading(settings, "rho") }),
  rmsprop_optimizer: (settings, rate) => ({ kind: "rmsprop", ...rate, ...fading(settings, "alpha") }),
};

const moments = (settings: Section) => ({
  beta1: settings.number("beta1"),
  beta2: settings.number("beta2"),
  eps: settings.number("eps"),
});

const fading = (settings: Section, decay: string) => ({
  decay: settings.number(decay),
  eps: settings.number("eps"),
});

/**
 * `dense_optimizer`, or one of its `part_optimizers`.
 * @param schedule the section with the schedule, if it is another
 * @throws ImportError
 */
export function denseOptimizer(section: Section, schedule = section): MappedDense {
  const name = section.neededOf("optimizer");
  const settings = section.section(name)!;
  settings.onlyDefault("amsgrad", false, "Remove it: Pairloom has no AMSGrad.");
  settings.ignore(["fused"], "concerns hardware");
  const optimizer = DENSE[name](settings, learningRate(schedule, settings));
  return { optimizer, l2: name === "adamw_optimizer" ? 0 : settings.number("weight_decay")! };
}

const EMBEDDING: Readonly<Record<string, Mapper<EmbeddingInput>>> = {
  sgd_optimizer: (_, rate) => ({ kind: "sgd", ...rate }),
  adagrad_optimizer: (settings, rate) => ({
    kind: "adagrad",
    ...rate,
    initialAccumulator: settings.number("initial_accumulator_value"),
  }),
  rowwise_adagrad_optimizer: (_, rate) => ({ kind: "rowWiseAdagrad", ...rate }),
  adam_optimizer: (settings, rate) => ({
    kind: "adam",
    ...rate,
    ...moments(settings),
    ...undecayed(settings),
  }),
  partial_rowwise_adam_optimizer: (settings, rate) => ({
    kind: "partialRowWiseAdam",
    ...rate,
    ...moments(settings),
    ...undecayed(settings),
  }),
  lamb_optimizer: (settings, rate) => ({ kind: "lamb", ...rate, ...moments(settings), ...decayed(settings) }),
  partial_rowwise_lamb_optimizer: (settings, rate) => ({
    kind: "partialRowWiseLamb",
    ...rate,
    ...moments(settings),
    ...decayed(settings),
  }),
  lars_sgd_optimizer: (settings, rate) => ({
    kind: "larsSgd",
    ...rate,
    momentum: settings.number("momentum"),
    ...decayed(settings),
  }),
  adadelta_optimizer: (settings, rate) => ({
    kind: "adadelta",
    ...rate,
    ...fading(settings, "rho"),
    ...undecayed(settings),
  }),
  rmsprop_optimizer: (settings, rate) => ({
    kind: "rmsprop",
    ...rate,
    ...fading(settings, "alpha"),
    ...undecayed(settings),
  }),
};

const decayed = (settings: Section) => ({ weightDecay: settings.number("weight_decay") });

/** @throws ImportError for weight decay, which the optimizer does not have */
function undecayed(settings: Section): Record<never, never> {
  settings.onlyDefault(
    "weight_decay",
    0,
    "Remove it: this optimizer has no decoupled weight decay in Pairloom.",
  );
  return {};
}

export interface MappedEmbedding {
  readonly optimizer: EmbeddingInput;
  readonly l2: NonNullable<TrainInput["l2"]>;
  readonly clip?: TrainInput["clip"];
}

/** `sparse_optimizer`. @throws ImportError */
export function embeddingOptimizer(section: Section): MappedEmbedding {
  const name = section.neededOf("optimizer");
  const settings = section.section(name)!;
  const optimizer = EMBEDDING[name](settings, learningRate(section, settings));
  const l2 = name === "rowwise_adagrad_optimizer" ? rowWiseL2(settings) : {};
  const clip = tableClipping(settings);
  return { optimizer, l2, ...(clip && { clip }) };
}

/** Fused optimizers apply weight decay only to the rows of the batch. */
function rowWiseL2(settings: Section): NonNullable<TrainInput["l2"]> {
  const decay = settings.number("weight_decay")!;
  const mode = settings.choice("weight_decay_mode");
  if (mode === "NONE") settings.ignore(["weight_decay"], "has no effect without a weight_decay_mode");
  if (decay === 0) settings.ignore(["weight_decay_mode"], "has no effect without weight_decay");
  if (mode === "DECOUPLE" && decay !== 0)
    throw settings.unsupported("weight_decay_mode", "Use L2, or remove it.");
  return mode === "L2" && decay !== 0 ? { embedding: decay, rows: "touched" } : {};
}

/** TorchEasyRec limits the gradient of each sample. */
function tableClipping(settings: Section): TrainInput["clip"] {
  const limit = settings.number("max_gradient")!;
  if (!settings.boolean("gradient_clipping")) {
    settings.ignore(["max_gradient"], "has no effect without gradient_clipping");
    return undefined;
  }
  settings.warn(
    "gradient_clipping",
    "clips the gradient of a row: Pairloom sums duplicates first, then limits the elements",
  );
  return { embedding: { value: limit } };
}
