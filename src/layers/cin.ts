import { z } from "zod";
import { columnsOf, dimensionOf, type Tensor } from "../graph/tensor.js";
import { ACTIVATIONS, type ActivationFn, activation } from "../ops/activation.js";
import { scale } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { compressedInteraction } from "../ops/compressed-interaction.js";
import { foldPairs } from "../ops/fold-pairs.js";
import { sumInner } from "../ops/inner.js";
import { linear } from "../ops/linear.js";
import { reshape } from "../ops/reshape.js";
import { join } from "./embedding-layer.js";
import { biasStart, weightStart } from "./linear-layer.js";
import type { Scope } from "./scope.js";

export const cinSchema = z.strictObject({
  /** Feature maps of each layer. */
  layers: z.array(z.int().positive().max(65_536)).min(1),
  /** Activation of the maps of every layer; `none` in the paper, so each layer is a sum of products of its order. */
  activation: z.enum(Object.keys(ACTIVATIONS) as ActivationFn[]).default("none"),
  /** Adds a bias to each map, as the published code does; the paper has none. */
  bias: z.boolean().default(true),
});

export type CinConfig = z.output<typeof cinSchema>;

/**
 * Compressed interaction network: fields [B, F, D] -> the feature maps of all layers, each summed over D, concatenated
 * [B, sum of layers]. Map n of a layer is `x_n = fn(b_n + sum over h, f of W_n,hf (x'_h * x0_f))`, with the maps x' of the
 * previous layer (for the first layer: the fields) and the fields x0. Parameters of layer i: `i.weight` [units, H*F], `i.bias`.
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
  const pairs = columnsOf(maps) * columnsOf(fields);
  const weight = scope.parameter("weight", { shape: [units, pairs], init: weightStart(scope, pairs, units) });
  if (!bias) return { weight };
  return { weight, bias: scope.parameter("bias", { shape: [units], init: biasStart(scope, pairs) }) };
}

/** One layer, [B, units, D]. If both inputs are the fields, each product occurs twice, so the weights are added first. */
function featureMaps(scope: Scope, maps: Tensor, fields: Tensor, { weight, bias }: Weights): Tensor {
  const itself = maps === fields;
  const weights = itself ? scope.apply(foldPairs, [weight], {})[0] : weight;
  const operands = [maps, fields, weights, ...(bias ? [bias] : [])];
  return scope.apply(compressedInteraction, operands, { pairs: itself ? "upper" : "all" })[0];
}

/**
 * The sums over D of maps that no later layer needs, [B, units]: `sum_d sum_hf W_hf x_hd x0_fd = sum_hf W_hf <x_h, x0_f>`,
 * a linear layer on dot products, with 1/D of the work.
 */
function pooledMaps(scope: Scope, maps: Tensor, fields: Tensor, { weight, bias }: Weights): Tensor {
  const [dots] = scope.apply(batchMatmul, [maps, fields], { transposeA: false, transposeB: true });
  const [flat] = scope.apply(reshape, [dots], { dims: [columnsOf(weight)] });
  if (!bias) return scope.apply(linear, [flat, weight], { fn: "none" })[0];
  const [summed] = scope.apply(scale, [bias], { factor: dimensionOf(maps, 2) });
  return scope.apply(linear, [flat, weight, summed], { fn: "none" })[0];
}
