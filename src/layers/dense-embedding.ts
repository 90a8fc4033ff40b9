import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { add, scale } from "../ops/arithmetic.js";
import { slice } from "../ops/concat.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { softmax } from "../ops/softmax.js";
import type { Initializer } from "../ops/sources.js";
import { stack } from "./embedding-layer.js";
import { glorotNormal } from "./linear-layer.js";
import type { Scope } from "./scope.js";

const dim = z.int().positive().optional();

/** How a number becomes an embedding that a model can multiply with others. */
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
    /** Meta-embeddings that the number's embedding is a mean of. */
    channels: z.int().positive().default(16),
    /** Below 1 the mean leans to few of them. */
    temperature: z.number().positive().default(0.1),
    /** Weight of the skip connection past the mixing matrix. */
    keep: z.number().min(0).default(0.8),
  }),
]);

export type DenseEmbedding = z.output<typeof denseEmbeddingSchema>;
export type AutoDisOptions = Omit<Extract<DenseEmbedding, { kind: "autoDis" }>, "kind" | "dim">;

/** A column of numbers, x [B, 1], under the name of its parameters. */
export interface NamedNumber {
  readonly name: string;
  readonly x: Tensor;
}

/** Numbers -> embeddings `x w` [B, dim] each. Parameter `<name>.weight` [dim, 1]: TorchEasyRec's MLP embedding. */
export function mlpDenseEmbeddings(scope: Scope, numbers: readonly NamedNumber[], dim: number): Tensor[] {
  return numbers.map(({ name, x }) => product(scope.child(name), x, dim, SPREAD));
}

/**
 * AutoDis: numbers of one setting -> embeddings [B, dim] each. A number scores its meta-embeddings,
 * `h = leakyRelu(x w)`, `s = M h + keep h`, and gets the mean of them under `softmax(s / temperature)`. What treats all
 * numbers alike is one operation on [B, numbers, channels]. Parameters of a number: `<name>.scale.weight` [channels, 1]
 * (w), `<name>.mix.weight` [channels, channels] (M), `<name>.meta.weight` [dim, channels] (a column a meta-embedding).
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
    numbers.map(({ x }, i) => product(named("scale", i), x, channels, SPREAD)),
  );
  const [hidden] = scope.apply(activation, [scaled], { fn: "leakyRelu" });
  const mixed = stack(
    scope,
    numbers.map((_, i) => product(named("mix", i), each(hidden, i), channels)),
  );
  const [kept] = scope.apply(scale, [hidden], { factor: keep });
  const [scores] = scope.apply(add, [mixed, kept], {});
  const [shares] = scope.apply(softmax, [scope.apply(scale, [scores], { factor: 1 / temperature })[0]], {});
  return numbers.map((_, i) => product(named("meta", i), each(shares, i), dim));
}

/** The published code draws these from the standard normal distribution: numbers are few and share nothing. */
const SPREAD: Initializer = { kind: "normal", mean: 0, std: 1 };

/** x [B, K] -> x W^T [B, units]. */
function product(scope: Scope, x: Tensor, units: number, init?: Initializer): Tensor {
  const inputs = x.shape[1] as number;
  const shape = [units, inputs];
  const weight = scope.parameter("weight", { shape, init: init ?? glorotNormal(inputs, units) });
  return scope.apply(linear, [x, weight], { fn: "none" })[0];
}
