import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { ACTIVATIONS, type ActivationFn, activation } from "../ops/activation.js";
import { scale } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { compressedInteraction } from "../ops/compressed-interaction.js";
import { foldPairs } from "../ops/fold-pairs.js";
import { sumInner } from "../ops/inner.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { join } from "./embedding-layer.js";
import { glorotNormal, zeros } from "./linear-layer.js";
import type { Scope } from "./scope.js";

export const cinSchema = z.strictObject({
  /** Feature maps of each layer. */
  layers: z.array(z.int().positive().max(65_536)).min(1),
  /** Of every layer's maps; none as published, so that each layer is a sum of products of its order. */
  activation: z.enum(Object.keys(ACTIVATIONS) as ActivationFn[]).default("none"),
  /** A number for each map, which the published code has and the paper has not. */
  bias: z.boolean().default(true),
});

export type CinConfig = z.output<typeof cinSchema>;

/**
 * Compressed interaction network: fields [B, F, D] -> the feature maps of all layers, each summed over D, side by side
 * [B, sum of layers]. Map n of a layer is `x_n = fn(b_n + sum over h, f of W_n,hf (x'_h * x0_f))` of the maps x' of the
 * layer before (at first the fields) and the fields x0. Parameters of layer i: `i.weight` [units, H*F], `i.bias`.
 * Source: Lian et al., "xDeepFM: Combining Explicit and Implicit Feature Interactions for Recommender Systems", 2018.
 */
export function cin(scope: Scope, fields: Tensor, { layers, activation: fn, bias }: CinConfig): Tensor {
  const pooled: Tensor[] = [];
  let maps = fields;
  layers.forEach((units, i) => {
    const weights = layerWeights(scope.child(i), maps, fields, units, bias);
    if (i === layers.length - 1 && fn === "none") {
      pooled.push(pooledMaps(scope, maps, fields, weights));
      return;
    }
    const sums = featureMaps(scope, maps, fields, weights);
    maps = fn === "none" ? sums : scope.apply(activation, [sums], { fn })[0];
    pooled.push(scope.apply(sumInner, [maps], {})[0]);
  });
  return join(scope, pooled);
}

interface Weights {
  readonly weight: Tensor;
  readonly bias?: Tensor;
}

function layerWeights(scope: Scope, maps: Tensor, fields: Tensor, units: number, bias: boolean): Weights {
  const pairs = (maps.shape[1] as number) * (fields.shape[1] as number);
  const weight = scope.parameter("weight", { shape: [units, pairs], init: glorotNormal(pairs, units) });
  return bias ? { weight, bias: scope.parameter("bias", { shape: [units], init: zeros }) } : { weight };
}

/** [B, units, D]. Fields with themselves make every product twice: their weights are added up first. */
function featureMaps(scope: Scope, maps: Tensor, fields: Tensor, { weight, bias }: Weights): Tensor {
  const itself = maps === fields;
  const weights = itself ? scope.apply(foldPairs, [weight], {})[0] : weight;
  const operands = [maps, fields, weights, ...(bias ? [bias] : [])];
  return scope.apply(compressedInteraction, operands, { pairs: itself ? "upper" : "all" })[0];
}

/**
 * The sums over D of maps that no layer after needs, [B, units]: `sum_d sum_hf W_hf x_hd x0_fd = sum_hf W_hf <x_h, x0_f>`,
 * a linear layer on dot products, with a D-th of the work.
 */
function pooledMaps(scope: Scope, maps: Tensor, fields: Tensor, { weight, bias }: Weights): Tensor {
  const [dots] = scope.apply(batchMatmul, [maps, fields], { transposeA: false, transposeB: true });
  const [flat] = scope.apply(reshape, [dots], { dims: [weight.shape[1] as number] });
  if (!bias) return scope.apply(linear, [flat, weight], { fn: "none" })[0];
  const [summed] = scope.apply(scale, [bias], { factor: maps.shape[2] as number });
  return scope.apply(linear, [flat, weight, summed], { fn: "none" })[0];
}
