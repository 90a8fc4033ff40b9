import { z } from "zod";
import { stack } from "../layers/embedding-layer.js";
import { linearLayer } from "../layers/linear-layer.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import { wukongLayer, wukongLayerSchema } from "../layers/wukong-layer.js";
import { reshape } from "../ops/reshape.js";
import { denseAndSparseFields, fieldGroups } from "./fields.js";
import { defineModel } from "./model.js";

const schema = z.strictObject({
  kind: z.literal("wukong"),
  ...fieldGroups,
  /** One entry per layer, from input to output. */
  layers: z.array(wukongLayerSchema).min(1).max(1000),
  /** The MLP over the fields of the last layer. */
  final: mlpSchema,
});

/**
 * WuKong: a stack of layers. Each layer makes new fields from products and sums of the previous fields, so l layers
 * contain interactions of order up to 2^l. Layers are parameters `layers.<l>.…`.
 * Source: Zhang et al., "Wukong: Towards a Scaling Law for Large-Scale Recommendation", 2024.
 */
export const wukong = defineModel({
  kind: "wukong",
  schema,
  build(features, config, scope, outputs) {
    const { dense, sparse } = denseAndSparseFields(features, config, scope);
    const fields = config.layers.reduce(
      (x, layer, l) => wukongLayer(scope.child("layers").child(l), x, layer),
      stack(scope, dense ? [dense, ...sparse] : sparse),
    );
    const [, count, dim] = fields.shape as [unknown, number, number];
    const [flat] = scope.apply(reshape, [fields], { dims: [count * dim] });
    const hidden = mlp(scope.child("final_mlp"), flat, config.final);
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});
