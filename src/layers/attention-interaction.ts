import { z } from "zod";
import { dimensionOf, type Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { add, scale } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { concat, slice } from "../ops/concat.js";
import { softmax } from "../ops/softmax.js";
import { transpose } from "../ops/transpose.js";
import { heads, width } from "./limits.js";
import { glorotNormal } from "./linear-layer.js";
import type { Scope } from "./scope.js";

export const attentionSchema = z.strictObject({
  /** Number of attention heads. */
  heads: heads.default(2),
  /** Dimension of the queries, keys and values of each head. */
  headDim: width.default(16),
  /** Divides scores by the square root of headDim, as transformers do; the paper does not. */
  scaled: z.boolean().default(false),
  /** Adds a projection of the input before the relu. */
  residual: z.boolean().default(true),
});

export type AttentionConfig = z.output<typeof attentionSchema>;

/**
 * One interacting layer of AutoInt: fields attend to each other, x [B, F, D] -> [B, F, heads * headDim],
 * `relu(concat_h(softmax(Q_h K_h^T) V_h) + x W_res^T)`. Parameters `query.weight`, `key.weight`, `value.weight` and
 * `residual.weight`, all [heads * headDim, D] (Glorot normal).
 * Source: Song et al., "AutoInt: Automatic Feature Interaction Learning via Self-Attentive Neural Networks", 2019,
 * equations 5 to 8.
 */
export function attentionInteraction(scope: Scope, x: Tensor, config: AttentionConfig): Tensor {
  const { heads, headDim } = config;
  // Everything is transposed, [B, dims, F], so that a head is a range of rows.
  const [query, key, value] = ["query", "key", "value"].map((name) =>
    project(scope.child(name), x, heads * headDim),
  );
  const attended = Array.from({ length: heads }, (_, h) => {
    const [q, k, v] = [query, key, value].map(
      (all) => scope.apply(slice, [all], { start: h * headDim, size: headDim })[0],
    );
    return scope.apply(batchMatmul, [v, attention(scope, q, k, config)], TRANSPOSE_B)[0];
  });
  const joined = attended.length === 1 ? attended[0] : scope.apply(concat, attended, {})[0];
  const sum = config.residual
    ? scope.apply(add, [joined, project(scope.child("residual"), x, heads * headDim)], {})[0]
    : joined;
  return scope.apply(transpose, [scope.apply(activation, [sum], { fn: "relu" })[0]], {})[0];
}

const TRANSPOSE_A = { transposeA: true, transposeB: false } as const;
const TRANSPOSE_B = { transposeA: false, transposeB: true } as const;

/** Attention weights between fields: q, k [B, d, F] -> [B, F, F]; each row of a matrix sums to 1. */
function attention(scope: Scope, q: Tensor, k: Tensor, { headDim, scaled }: AttentionConfig): Tensor {
  const [products] = scope.apply(batchMatmul, [q, k], TRANSPOSE_A);
  const scores = scaled ? scope.apply(scale, [products], { factor: 1 / Math.sqrt(headDim) })[0] : products;
  return scope.apply(softmax, [scores], {})[0];
}

/** W x^T: x [B, F, D] -> [B, units, F]. */
function project(scope: Scope, x: Tensor, units: number): Tensor {
  const dim = dimensionOf(x, 2);
  const weight = scope.parameter("weight", { shape: [units, dim], init: glorotNormal(dim, units) });
  return scope.apply(batchMatmul, [weight, x], TRANSPOSE_B)[0];
}
