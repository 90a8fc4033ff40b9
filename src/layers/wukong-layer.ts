import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { add } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { concat } from "../ops/concat.js";
import { reshape } from "../ops/reshape.js";
import { layerNormLayer } from "./layer-norm-layer.js";
import { linearCompress } from "./linear-compress.js";
import { linearLayer } from "./linear-layer.js";
import { mlp, mlpSchema } from "./mlp.js";
import type { Scope } from "./scope.js";

export const wukongLayerSchema = z.strictObject({
  /** Output fields that are weighted sums of the input fields (n_L of the paper). */
  linearFields: z.int().positive().max(65_536),
  /** Output fields made of products of the input fields (n_F). */
  interactionFields: z.int().positive().max(65_536),
  /** Columns that the products are compressed to (k): F x F products become F x rank. */
  rank: z.int().positive().max(65_536),
  /** The MLP over the compressed products. */
  mlp: mlpSchema,
});

export type WukongLayerConfig = z.output<typeof wukongLayerSchema>;

/**
 * One layer of WuKong: x [B, F, D] -> `LN(FMB(x) ‖ LCB(x) + residual(x))` [B, interactionFields + linearFields, D], the
 * norm over D. The residual is x itself if the number of fields does not change, and a linear compression of it otherwise.
 * Parameters: `linear.weight`, `interaction.…` (see below), `residual.weight`, `norm.gamma`, `norm.beta`.
 * Source: Zhang et al., "Wukong: Towards a Scaling Law for Large-Scale Recommendation", 2024.
 */
export function wukongLayer(scope: Scope, x: Tensor, config: WukongLayerConfig): Tensor {
  const fields = config.interactionFields + config.linearFields;
  const interactions = interactionBlock(scope.child("interaction"), x, config);
  const compressed = linearCompress(scope.child("linear"), x, config.linearFields);
  const [both] = scope.apply(concat, [interactions, compressed], {});
  const residual = fields === x.shape[1] ? x : linearCompress(scope.child("residual"), x, fields);
  return layerNormLayer(scope.child("norm"), scope.apply(add, [both, residual], {})[0]);
}

/**
 * Factorization machine block: x [B, F, D] -> [B, interactionFields, D], `MLP(LN(flatten(x x^T Y)))` with a last linear
 * layer to the output's size. `x (x^T Y)` costs F D rank products instead of F F D. Parameters: `compress.weight`
 * [rank, F] (Y transposed), `norm.gamma`, `norm.beta`, `mlp.<i>.…`, `output.weight`, `output.bias`.
 */
function interactionBlock(scope: Scope, x: Tensor, config: WukongLayerConfig): Tensor {
  const [, fields, dim] = x.shape as [unknown, number, number];
  const compressed = linearCompress(scope.child("compress"), x, config.rank);
  const [products] = scope.apply(batchMatmul, [x, compressed], { transposeA: false, transposeB: true });
  const [flat] = scope.apply(reshape, [products], { dims: [fields * config.rank] });
  const hidden = mlp(scope.child("mlp"), layerNormLayer(scope.child("norm"), flat), config.mlp);
  const output = linearLayer(scope.child("output"), hidden, { units: config.interactionFields * dim });
  return scope.apply(reshape, [output], { dims: [config.interactionFields, dim] })[0];
}
