import { z } from "zod";
import type { Op } from "../graph/op.js";
import type { KindSchema } from "../kinds.js";
import {
  adamSettings,
  decay,
  eps,
  initialAccumulator,
  nonnegative,
  rate,
} from "./embedding-optimizers/settings.js";
import { adadelta, adagrad, adam, momentum, rmsprop, sgd } from "./optimizers.js";

/** An optimizer of dense weights: its config schema without the schedule, and the operation that updates a weight. */
export interface DenseOptimizer {
  readonly schema: KindSchema;
  readonly op: Op;
  /** Its states, each with the weight's shape, in operand order. */
  readonly states: readonly string[];
  /** Those that are means or sums of squares, so that they are never negative. */
  readonly squares?: readonly string[];
  /** Attributes of the operation that are not in the config. */
  readonly attributes?: Readonly<Record<string, number>>;
}

/** The dense optimizers available in a config. */
export const DENSE_OPTIMIZERS = [
  {
    schema: z.strictObject({ kind: z.literal("sgd"), learningRate: rate.default(0.1) }),
    op: sgd,
    states: [],
  },
  {
    schema: z.strictObject({
      kind: z.literal("momentum"),
      learningRate: rate.default(0.1),
      /** Decay of the momentum per step. */
      momentum: decay.default(0.9),
      /** The momentum takes `1 - dampening` of each gradient after the first. */
      dampening: decay.default(0),
      /** Moves by the gradient plus the momentum that follows, instead of the momentum alone. */
      nesterov: z.boolean().default(false),
    }),
    op: momentum,
    states: ["m"],
  },
  {
    schema: z.strictObject({
      kind: z.literal("adagrad"),
      learningRate: rate.default(0.01),
      eps: eps(1e-10),
      initialAccumulator,
    }),
    op: adagrad,
    states: ["sum"],
    squares: ["sum"],
  },
  {
    schema: z.strictObject({
      kind: z.literal("rmsprop"),
      learningRate: rate.default(0.01),
      /** Decay of the mean square per step. */
      decay: decay.default(0.99),
      eps: eps(1e-8),
    }),
    op: rmsprop,
    states: ["square"],
    squares: ["square"],
  },
  {
    schema: z.strictObject({
      kind: z.literal("adadelta"),
      learningRate: rate.default(1),
      /** Decay of both mean squares per step. */
      decay: decay.default(0.9),
      eps: eps(1e-6),
    }),
    op: adadelta,
    states: ["square", "delta"],
    squares: ["square", "delta"],
  },
  {
    schema: z.strictObject({ kind: z.literal("adam"), learningRate: rate.default(0.001), ...adamSettings }),
    op: adam,
    states: ["m", "v"],
    squares: ["v"],
    attributes: { weightDecay: 0 },
  },
  {
    schema: z.strictObject({
      kind: z.literal("adamw"),
      learningRate: rate.default(0.001),
      ...adamSettings,
      /** Subtracts `learningRate * weightDecay * w` from each weight, independently of the gradient. */
      weightDecay: nonnegative.default(0.01),
    }),
    op: adam,
    states: ["m", "v"],
    squares: ["v"],
  },
] as const satisfies readonly DenseOptimizer[];
