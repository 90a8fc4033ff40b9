export { murmur3 } from "../murmur3.js";
export type { Layout } from "./block.js";
export { labelColumn, layoutOf, weightColumn } from "./block.js";
export { canonicalText } from "./canonical.js";
export type { BadCell, EncodedRows, Encoder, EncoderOptions, RawRow } from "./encoder.js";
export { createEncoder, packRows } from "./encoder.js";
export type { Statistics } from "./fit.js";
export { fitFeatures } from "./fit.js";
export type {
  FittedBag,
  FittedFeature,
  FittedFeatures,
  FittedId,
  FittedNumber,
  FittedTable,
} from "./fitted.js";
export type { LabelKind } from "./targets.js";
