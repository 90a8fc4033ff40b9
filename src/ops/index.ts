import { activation, activationGrad } from "./activation.js";
import { addBias } from "./add-bias.js";
import { add, broadcastColumns, multiply, scale, sumColumns } from "./arithmetic.js";
import { batchMatmul } from "./batch-matmul.js";
import {
  batchMoments,
  batchNormalize,
  batchNormGradInput,
  batchNormGradSums,
  updateRunning,
} from "./batch-norm.js";
import { clipFactor, clipValue, scaleByNumber, sumSquares } from "./clip.js";
import {
  compressedInteraction,
  compressedInteractionGradInput,
  compressedInteractionGradWeight,
} from "./compressed-interaction.js";
import { concat, slice } from "./concat.js";
import { concatEntries, splitEntries } from "./concat-entries.js";
import { constantRows } from "./constant-rows.js";
import { dotInteraction, dotInteractionGrad } from "./dot-interaction.js";
import { dropout } from "./dropout.js";
import { embedEntries } from "./embed-entries.js";
import { embedding } from "./embedding.js";
import { embeddingBag } from "./embedding-bag.js";
import { TABLE_UPDATES } from "./embedding-optimizers/index.js";
import { placeSinusoids, windowShares } from "./entry-places.js";
import { entryWeights } from "./entry-weights.js";
import { factorizationMachine, factorizationMachineGrad } from "./factorization-machine.js";
import { focalCrossEntropy, focalCrossEntropyGrad } from "./focal-loss.js";
import { foldPairs, unfoldPairs } from "./fold-pairs.js";
import { gatherEntries, scatterEntries } from "./gather-entries.js";
import { broadcastInner, sumInner } from "./inner.js";
import { layerNorm, layerNormGradInput, layerNormGradParams } from "./layer-norm.js";
import { linear, linearGradInput, linearGradWeight } from "./linear.js";
import { logisticNoise } from "./logistic-noise.js";
import { batchMean, batchMeanGrad, sigmoidCrossEntropy, sigmoidCrossEntropyGrad } from "./loss.js";
import { adadelta, adagrad, adam, momentum, movingAverage, rmsprop, sgd } from "./optimizers.js";
import { poolEntries, spreadEntries } from "./pool-entries.js";
import { quantizedEmbedding, quantizedEmbeddingBag } from "./quantized-embedding.js";
import { reshape } from "./reshape.js";
import { rightClass } from "./right-class.js";
import { scaleColumns } from "./scale-columns.js";
import { scoreHistogram } from "./score-histogram.js";
import { segmentAttention, segmentAttentionGrad } from "./segment-attention.js";
import { segmentMatmul, segmentOuter } from "./segment-matmul.js";
import { segmentMax, segmentMaxGrad } from "./segment-max.js";
import { segmentSoftmax, segmentSoftmaxGrad } from "./segment-softmax.js";
import { repeatRows, segmentSum } from "./segment-sum.js";
import { sessionLogSumExp, sessionLogSumExpGrad } from "./session-log-sum-exp.js";
import { softmax, softmaxGrad } from "./softmax.js";
import { softmaxCrossEntropy, softmaxCrossEntropyGrad } from "./softmax-loss.js";
import { constant, input, parameter, scalar } from "./sources.js";
import { sumRows } from "./sum-rows.js";
import { tableSumSquares } from "./table-clip.js";
import { translate } from "./translate.js";
import { transpose } from "./transpose.js";

/** Every operation. The conformance suite, the opcode generator and the emitters use this table. */
export const OPS = {
  input,
  parameter,
  scalar,
  constant,
  constantRows,
  translate,
  embedding,
  embeddingBag,
  embedEntries,
  entryWeights,
  windowShares,
  placeSinusoids,
  quantizedEmbedding,
  quantizedEmbeddingBag,
  linear,
  linearGradInput,
  linearGradWeight,
  sumRows,
  activation,
  activationGrad,
  concat,
  slice,
  reshape,
  add,
  addBias,
  multiply,
  scale,
  sumColumns,
  broadcastColumns,
  dotInteraction,
  dotInteractionGrad,
  factorizationMachine,
  factorizationMachineGrad,
  batchMatmul,
  softmax,
  softmaxGrad,
  scaleColumns,
  transpose,
  compressedInteraction,
  compressedInteractionGradInput,
  compressedInteractionGradWeight,
  foldPairs,
  unfoldPairs,
  sumInner,
  broadcastInner,
  batchMoments,
  batchNormalize,
  batchNormGradSums,
  batchNormGradInput,
  updateRunning,
  layerNorm,
  layerNormGradInput,
  layerNormGradParams,
  dropout,
  logisticNoise,
  sigmoidCrossEntropy,
  sigmoidCrossEntropyGrad,
  batchMean,
  batchMeanGrad,
  sgd,
  momentum,
  adagrad,
  rmsprop,
  adadelta,
  adam,
  focalCrossEntropy,
  focalCrossEntropyGrad,
  softmaxCrossEntropy,
  softmaxCrossEntropyGrad,
  sessionLogSumExp,
  sessionLogSumExpGrad,
  scoreHistogram,
  rightClass,
  segmentSum,
  repeatRows,
  segmentSoftmax,
  segmentSoftmaxGrad,
  segmentAttention,
  segmentAttentionGrad,
  concatEntries,
  splitEntries,
  poolEntries,
  spreadEntries,
  segmentMax,
  segmentMaxGrad,
  segmentMatmul,
  segmentOuter,
  gatherEntries,
  scatterEntries,
  sumSquares,
  clipFactor,
  scaleByNumber,
  clipValue,
  movingAverage,
  tableSumSquares,
  ...TABLE_UPDATES,
};

export type OpKind = keyof typeof OPS;

/** The operations of embedding optimizers. */
export type TableUpdateKind = keyof typeof TABLE_UPDATES;
export const TABLE_UPDATE_KINDS = Object.keys(TABLE_UPDATES) as TableUpdateKind[];
