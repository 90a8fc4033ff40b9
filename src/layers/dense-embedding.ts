import { z } from "zod";
import type { Initializer } from "../graph/initializer.js";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { add, scale } from "../ops/arithmetic.js";
import { slice } from "../ops/concat.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { softmax } from "../ops/softmax.js";
import { stack } from "./embedding-layer.js";
import { width } from "./limits.js";
import { glorotNormal } from "./linear-layer.js";
import { periodic } from "./periodic.js";
import { piecewiseLinear } from "./piecewise-linear.js";
import type { Scope } from "./scope.js";

const dim = width.optional();

/** Turns a number into an embedding, so that a model can multiply it with other embeddings. */
export const denseEmbeddingSchema = z.discriminatedUnion("kind", [
  z.strictObject({
    kind: z.literal("mlp"),
    /** Default: the model's embeddingDim. */
    dim,
  }),
  z.strictObject({
    kind: z.literal("autoDis"),
    /** Default: the model's embeddingDim. */
    dim,
    /** Number of meta-embeddings; the embedding is their weighted mean. */
    channels: width.default(16),
    /** Temperature of the softmax; the lower, the fewer meta-embeddings dominate. */
    temperature: z.number().positive().default(0.1),
    /** Weight of the skip connection past the mixing matrix. */
    keep: z.number().min(0).default(0.8),
  }),
  z.strictObject({
    kind: z.literal("piecewiseLinear"),
    /** Default: the model's embeddingDim. */
    dim,
    /** Learn up to this many bins from the training split, with about equally many rows each. */
    bins: width.default(32),
    /** Applied to the embedding. */
    activation: z.enum(["none", "relu"]).default("relu"),
  }),
  z.strictObject({
    kind: z.literal("periodic"),
    /** Default: the model's embeddingDim. */
    dim,
    /** Number of trained frequencies. */
    frequencies: width.default(48),
    /** Standard deviation of the initial frequencies. */
    sigma: z.number().positive().default(0.1),
    /** Applied to the embedding. */
    activation: z.enum(["none", "relu"]).default("relu"),
  }),
]);

export type DenseEmbedding = z.output<typeof denseEmbeddingSchema>;
export type AutoDisOptions = Omit<Extract<DenseEmbedding, { kind: "autoDis" }>, "kind" | "dim">;

/** A column of numbers, x [B, 1], or of vectors, x [B, V], and the name prefix of its parameters. */
export interface NamedNumber {
  readonly name: string;
  readonly x: Tensor;
  /** The ends of its bins, ascending, if it has a piecewise-linear embedding. */
  readonly edges?: readonly number[];
}

/** Numbers or vectors with equal settings -> one embedding [B, dim] each. */
export function denseEmbeddings(
  scope: Scope,
  numbers: readonly NamedNumber[],
  dim: number,
  setting: DenseEmbedding,
): Tensor[] {
  switch (setting.kind) {
    case "mlp":
      return mlpDenseEmbeddings(scope, numbers, dim);
    case "autoDis":
      return autoDis(scope, numbers, dim, setting);
    case "piecewiseLinear":
      return numbers.map(({ name, x, edges = ONE_BIN }) =>
        piecewiseLinear(scope.child(name), x, edges, dim, setting.activation),
      );
    case "periodic":
      return numbers.map(({ name, x }) => periodic(scope.child(name), x, dim, setting));
  }
}

/** Stands for bins that are not learned yet. */
const ONE_BIN = [0, 1];

/**
 * Numbers or vectors -> embeddings `W x` [B, dim] each. Parameter `<name>.weight` [dim, V]: TorchEasyRec's MLP embedding.
 */
export function mlpDenseEmbeddings(scope: Scope, numbers: readonly NamedNumber[], dim: number): Tensor[] {
  return numbers.map(({ name, x }) => product(scope.child(name), x, dim));
}

/**
 * AutoDis: numbers with equal settings -> one embedding [B, dim] per number. The scores of the meta-embeddings are
 * `h = leakyRelu(x w)`, `s = M h + keep h`; the embedding is their mean with weights `softmax(s / temperature)`. Steps
 * without parameters run once for all numbers, on [B, numbers, channels]. Parameters per number: `<name>.scale.weight`
 * [channels, 1] (w), `<name>.mix.weight` [channels, channels] (M), `<name>.meta.weight` [dim, channels] (one column per
 * meta-embedding).
 * Source: Guo et al., "An Embedding Learning Framework for Numerical Features in CTR Prediction", 2021.
 */
export function autoDis(
  scope: Scope,
  numbers: readonly NamedNumber[],
  dim: number,
  { channels, temperature, keep }: AutoDisOptions,
): Tensor[] {
  const each = (all: Tensor, i: number): Tensor => {
    const [one] = scope.apply(slice, [all], { start: i, size: 1 });
    return scope.apply(reshape, [one], { dims: [channels] })[0];
  };
  const named = (part: string, i: number): Scope => scope.child(numbers[i].name).child(part);
  const scaled = stack(
    scope,
    numbers.map(({ x }, i) => product(named("scale", i), x, channels)),
  );
  const [hidden] = scope.apply(activation, [scaled], { fn: "leakyRelu" });
  const mixed = stack(
    scope,
    numbers.map((_, i) => product(named("mix", i), each(hidden, i), channels)),
  );
  const [kept] = scope.apply(scale, [hidden], { factor: keep });
  const [scores] = scope.apply(add, [mixed, kept], {});
  const [shares] = scope.apply(softmax, [scope.apply(scale, [scores], { factor: 1 / temperature })[0]], {});
  return numbers.map((_, i) => product(named("meta", i), each(shares, i), dim, META));
}

/** The meta-embeddings are a table, as in the published code: standard normal. */
const META: Initializer = { kind: "normal", mean: 0, std: 1 };

/** x [B, K] -> x W^T [B, units]. */
function product(scope: Scope, x: Tensor, units: number, init?: Initializer): Tensor {
  const inputs = columnsOf(x);
  const weight = scope.parameter("weight", {
    shape: [units, inputs],
    init: init ?? glorotNormal(inputs, units),
  });
  return scope.apply(linear, [x, weight], { fn: "none" })[0];
}
