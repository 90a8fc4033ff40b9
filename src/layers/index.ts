/** Layers: functions on symbolic tensors, from which models are built. */
export { type Activation, activationLayer, activationSchema } from "./activation-layer.js";
export { type AttentionConfig, attentionInteraction, attentionSchema } from "./attention-interaction.js";
export { batchNormLayer } from "./batch-norm-layer.js";
export { type CinConfig, cin, cinSchema } from "./cin.js";
export { type CrossV2Options, crossNetwork, crossNetworkV2 } from "./cross-network.js";
export {
  type AutoDisOptions,
  autoDis,
  type DenseEmbedding,
  denseEmbeddingSchema,
  denseEmbeddings,
  mlpDenseEmbeddings,
  type NamedNumber,
} from "./dense-embedding.js";
export { dropoutLayer, dropoutRate } from "./dropout-layer.js";
export { embed, join, stack } from "./embedding-layer.js";
export { type EndEntries, endEntries } from "./end-entries.js";
export { layerNormLayer } from "./layer-norm-layer.js";
export { linearCompress } from "./linear-compress.js";
export { type LinearOptions, linearLayer } from "./linear-layer.js";
export { type MaskBlockOptions, maskBlock } from "./mask-block.js";
export { type MlpConfig, mlp, mlpSchema } from "./mlp.js";
export { outerProduct } from "./outer-product.js";
export { type PeriodicOptions, periodic } from "./periodic.js";
export { piecewiseLinear } from "./piecewise-linear.js";
export { seNet } from "./se-net.js";
export {
  type VariationalDropoutConfig,
  variationalDropout,
  variationalDropoutSchema,
} from "./variational-dropout.js";
export { type WukongLayerConfig, wukongLayer, wukongLayerSchema } from "./wukong-layer.js";
