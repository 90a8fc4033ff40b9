import { z } from "zod";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { join } from "../layers/embedding-layer.js";
import { layerNormLayer } from "../layers/layer-norm-layer.js";
import { repeats, width } from "../layers/limits.js";
import { linearLayer } from "../layers/linear-layer.js";
import { maskBlock } from "../layers/mask-block.js";
import { mlp, mlpSchema } from "../layers/mlp.js";
import type { Scope } from "../layers/scope.js";
import { featureDropout } from "./feature-dropout.js";
import { groupParts } from "./fields.js";
import { defineModel } from "./model.js";
import { embeddingDim, featureGroup } from "./schema.js";
import { sequenceFields } from "./sequence-encoders.js";

const schema = z.strictObject({
  kind: z.literal("maskNet"),
  /** Features with embeddings, and plain numbers. */
  features: featureGroup,
  ...sequenceFields,
  ...featureDropout,
  embeddingDim,
  /** Blocks in sequence (SerMaskNet), or in parallel on the embeddings (ParaMaskNet). */
  structure: z.enum(["serial", "parallel"]).default("parallel"),
  /** The MaskBlocks. */
  blocks: z.strictObject({
    /** Number of blocks. */
    count: repeats,
    /** Width of each block's output. */
    units: width,
    /** Width of a mask's hidden layer, relative to the width of the masked input. */
    reductionRatio: z.number().positive().default(1),
    /** The same width as a number of units, instead of the ratio. */
    aggregationUnits: z.int().positive().max(65_536).optional(),
  }),
  /** The MLP over the blocks' output. */
  mlp: mlpSchema.optional(),
});

type Config = z.output<typeof schema>;

/**
 * MaskNet: MaskBlocks multiply the embeddings by masks made from the embeddings. As in TorchEasyRec the norm before the
 * first block (`norm`) is over all embeddings together. Parameters of block i: `blocks.<i>.…`.
 * Source: Wang, She & Zhang, "MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by Instance-Guided
 * Mask", 2021.
 */
export const maskNet = defineModel({
  kind: "maskNet",
  schema,
  build(features, config, scope, outputs) {
    const v = join(scope, groupParts(features, config, "model", config.embeddingDim, scope));
    const masked = maskBlocks(scope, v, config);
    const hidden = config.mlp ? mlp(scope.child("mlp"), masked, config.mlp) : masked;
    return linearLayer(scope.child("output"), hidden, { units: outputs });
  },
});

function maskBlocks(scope: Scope, v: Tensor, { structure, blocks }: Config): Tensor {
  const normed = layerNormLayer(scope.child("norm"), v);
  const block = (x: Tensor, i: number): Tensor => {
    const { reductionRatio, aggregationUnits } = blocks;
    const aggregation = aggregationUnits ?? Math.max(1, Math.floor(columnsOf(x) * reductionRatio));
    return maskBlock(scope.child("blocks").child(i), x, v, { units: blocks.units, aggregation });
  };
  const indices = Array.from({ length: blocks.count }, (_, i) => i);
  if (structure === "serial") return indices.reduce(block, normed);
  return join(
    scope,
    indices.map((i) => block(normed, i)),
  );
}
