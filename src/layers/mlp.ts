import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { activationLayer, activationSchema } from "./activation-layer.js";
import { batchNormLayer } from "./batch-norm-layer.js";
import { dropoutLayer, dropoutRate } from "./dropout-layer.js";
import { layerNormLayer } from "./layer-norm-layer.js";
import { width } from "./limits.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/** An MLP; layers are listed from input to output. */
export const mlpSchema = z
  .strictObject({
    /** Output width of each layer. */
    hiddenUnits: z.array(width).min(1).max(1000),
    /** Activation of each layer, after its norm. */
    activation: activationSchema.default("relu"),
    /** Normalization of each layer, before its activation. */
    norm: z.enum(["none", "batch", "layer"]).default("none"),
    /** Dropout rate: one for all layers, or one per layer. */
    dropout: z.union([dropoutRate, z.array(dropoutRate)]).default(0),
    /** Default: no bias with batch normalization, which would cancel it. */
    bias: z.boolean().optional(),
  })
  .superRefine(({ hiddenUnits, dropout }, context) => {
    if (Array.isArray(dropout) && dropout.length !== hiddenUnits.length) {
      const message = `one dropout rate a layer: ${hiddenUnits.length} layers, ${dropout.length} rates`;
      context.addIssue({ code: "custom", path: ["dropout"], message });
    }
  });

export type MlpConfig = z.output<typeof mlpSchema>;

/**
 * Multi-layer perceptron, x [B, K] -> [B, last of hiddenUnits]. Each layer is linear, norm, activation, dropout.
 * Parameters of layer i: `i.weight`, `i.bias`, and `i.norm.gamma`, `i.prelu.alpha` and the like.
 */
export function mlp(scope: Scope, x: Tensor, config: MlpConfig): Tensor {
  return config.hiddenUnits.reduce((input, units, i) => {
    const layer = scope.child(i);
    const sum = linearLayer(layer, input, { units, bias: config.bias ?? config.norm !== "batch" });
    const normed = normalize(layer.child("norm"), sum, config.norm);
    const active = activationLayer(layer, normed, config.activation);
    return dropoutLayer(layer, active, Array.isArray(config.dropout) ? config.dropout[i] : config.dropout);
  }, x);
}

function normalize(scope: Scope, x: Tensor, norm: MlpConfig["norm"]): Tensor {
  if (norm === "batch") return batchNormLayer(scope, x);
  if (norm === "layer") return layerNormLayer(scope, x);
  return x;
}
