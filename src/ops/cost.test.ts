import { describe, expect, it } from "vitest";
import type { Op } from "../graph/op.js";
import { OPS, type OpKind, type TableUpdateKind } from "./index.js";

interface Counted {
  readonly shapes: readonly (readonly number[])[];
  readonly attributes?: readonly number[];
  readonly flops: number;
  readonly elements: readonly number[];
}

/** Rows of the batch in every case; a factor 5 in a count is the rows'. */
const B = 5;

/** Counted by hand from the formula of each operation; where two cases are given they differ in kind. Updates of tables share one formula. */
const COUNTS: { readonly [K in Exclude<OpKind, TableUpdateKind>]: readonly Counted[] } & {
  readonly [K in TableUpdateKind]?: readonly Counted[];
} = {
  input: [{ shapes: [[B, 3]], flops: 0, elements: [30] }],
  parameter: [{ shapes: [[4, 3]], flops: 0, elements: [0] }],
  scalar: [{ shapes: [[1]], flops: 0, elements: [0] }],
  constant: [{ shapes: [[4, 3]], flops: 0, elements: [12] }],
  constantRows: [{ shapes: [[B, 3]], flops: 0, elements: [15] }],
  embedding: [{ shapes: [[1000, 8], [B], [B, 8]], flops: 0, elements: [40, 5, 40] }],
  // An id, and 12 in a bag, each to a row.
  translate: [{ shapes: [[B], [12], [B], [12]], flops: 0, elements: [5, 12, 5, 12] }],
  // 8 numbers of 8 bits are 2 words, after 2 words of their scale and offset; each number is a product and a sum.
  quantizedEmbedding: [
    { shapes: [[1000, 4], [B], [B, 8]], attributes: [8], flops: 80, elements: [20, 5, 40] },
  ],
  // 12 ids in the 5 bags: 12 rows, whose 8 numbers of 4 bits are a word, are multiplied by a weight and added, too.
  quantizedEmbeddingBag: [
    { shapes: [[1000, 3], [12], [B, 8]], attributes: [4, 0], flops: 384, elements: [36, 12, 40] },
  ],
  // 12 ids in the 5 bags: 12 rows of 8 are read and added.
  embeddingBag: [{ shapes: [[1000, 8], [12], [B, 8]], flops: 96, elements: [96, 12, 40] }],
  // 12 entries in the 5 rows.
  embedEntries: [{ shapes: [[1000, 8], [12], [12, 8]], flops: 0, elements: [96, 12, 96] }],
  entryWeights: [{ shapes: [[12], [12, 1]], flops: 0, elements: [12, 12] }],
  windowShares: [{ shapes: [[12], [12, 1]], attributes: [0, 1, 2], flops: 12, elements: [12, 12] }],
  placeSinusoids: [{ shapes: [[12], [12, 8]], attributes: [0], flops: 192, elements: [12, 96] }],
  segmentSum: [{ shapes: [[12, 8], [12], [B, 8]], attributes: [0], flops: 96, elements: [96, 12, 40] }],
  repeatRows: [
    { shapes: [[B, 8], [12], [12, 8]], attributes: [0], flops: 0, elements: [40, 12, 96] },
    { shapes: [[B, 8], [12], [12, 8]], attributes: [1], flops: 96, elements: [40, 12, 96] },
  ],
  segmentSoftmax: [{ shapes: [[12, 1], [12], [12, 1]], flops: 60, elements: [12, 12, 12] }],
  segmentSoftmaxGrad: [{ shapes: [[12, 1], [12, 1], [12], [12, 1]], flops: 48, elements: [12, 12, 12, 12] }],
  // 12 products of q and k, and of a weight and v, where each of the 12 rows has one entry.
  segmentAttention: [
    {
      shapes: [[12, 8], [12, 8], [12, 4], [12], [12, 4]],
      attributes: [2],
      flops: 288,
      elements: [96, 96, 48, 12, 48],
    },
  ],
  segmentAttentionGrad: [
    {
      shapes: [[12, 4], [12, 8], [12, 8], [12, 4], [12], [12, 8], [12, 8], [12, 4]],
      attributes: [2],
      flops: 768,
      elements: [48, 96, 96, 48, 12, 96, 96, 48],
    },
  ],
  segmentMax: [{ shapes: [[12, 8], [12], [B, 8]], flops: 96, elements: [96, 12, 40] }],
  segmentMaxGrad: [
    { shapes: [[B, 8], [B, 8], [12, 8], [12], [12, 8]], flops: 96, elements: [40, 40, 96, 12, 96] },
  ],
  // 12 entries of 3 by matrices of 3 x 2.
  segmentMatmul: [
    { shapes: [[12, 3], [B, 3, 2], [12], [12, 2]], attributes: [0], flops: 144, elements: [36, 30, 12, 24] },
  ],
  segmentOuter: [{ shapes: [[12, 3], [12, 2], [12], [B, 3, 2]], flops: 144, elements: [36, 24, 12, 30] }],
  // 12 entries within 7, and joined with 7.
  poolEntries: [
    { shapes: [[12, 3], [12], [7], [7, 3]], attributes: [1], flops: 36, elements: [36, 12, 7, 21] },
  ],
  spreadEntries: [
    { shapes: [[7, 3], [7], [12], [12, 3]], attributes: [1], flops: 36, elements: [21, 7, 12, 36] },
  ],
  concatEntries: [
    {
      shapes: [[12, 3], [12], [7, 3], [7], [19], [19, 3]],
      attributes: [0],
      flops: 0,
      elements: [36, 12, 21, 7, 19, 57],
    },
  ],
  splitEntries: [
    {
      shapes: [[19, 3], [19], [12], [7], [12, 3], [7, 3]],
      attributes: [0],
      flops: 0,
      elements: [57, 19, 12, 7, 36, 21],
    },
  ],
  // Two places of each row in entries of 3.
  gatherEntries: [
    { shapes: [[12, 3], [B, 2], [12], [B, 2, 3]], attributes: [0], flops: 0, elements: [36, 10, 12, 30] },
  ],
  scatterEntries: [
    { shapes: [[B, 2, 3], [B, 2], [12], [12, 3]], attributes: [0], flops: 30, elements: [30, 10, 12, 36] },
  ],
  // 5 x 2 dot products of 3: 6 operations each; a bias adds one each.
  linear: [
    {
      shapes: [
        [B, 3],
        [2, 3],
        [B, 2],
      ],
      flops: 60,
      elements: [15, 6, 10],
    },
    { shapes: [[B, 3], [2, 3], [2], [B, 2]], flops: 70, elements: [15, 6, 2, 10] },
  ],
  linearGradInput: [
    {
      shapes: [
        [B, 2],
        [2, 3],
        [B, 3],
      ],
      flops: 60,
      elements: [10, 6, 15],
    },
    {
      shapes: [
        [B, 2],
        [2, 3],
        [B, 3],
        [B, 3],
      ],
      flops: 75,
      elements: [10, 6, 15, 15],
    },
  ],
  linearGradWeight: [
    {
      shapes: [
        [B, 2],
        [B, 3],
        [2, 3],
      ],
      flops: 60,
      elements: [10, 15, 6],
    },
  ],
  sumRows: [{ shapes: [[B, 3], [3]], flops: 15, elements: [15, 3] }],
  activation: [pair([B, 3], 2, 15)],
  activationGrad: [pair([B, 3], 3, 30)],
  // An instruction copies one part.
  concat: [pair([B, 3], 2, 0)],
  slice: [pair([B, 3], 2, 0, 0)],
  reshape: [pair([B, 3], 2, 0, 0)],
  add: [pair([B, 3], 3, 15), pair([B, 3], 4, 30)],
  addBias: [{ shapes: [[B, 3], [3], [B, 3]], flops: 15, elements: [15, 3, 15] }],
  multiply: [pair([B, 3], 3, 15)],
  scale: [pair([B, 3], 2, 15)],
  sumColumns: [
    {
      shapes: [
        [B, 3],
        [B, 1],
      ],
      flops: 15,
      elements: [15, 5],
    },
  ],
  broadcastColumns: [
    {
      shapes: [
        [B, 1],
        [B, 3],
      ],
      flops: 0,
      elements: [5, 15],
    },
  ],
  // 6 pairs of 4 fields, 7 multiply-adds each.
  dotInteraction: [
    {
      shapes: [
        [B, 4, 7],
        [B, 6],
      ],
      flops: 420,
      elements: [140, 30],
    },
  ],
  dotInteractionGrad: [
    {
      shapes: [
        [B, 6],
        [B, 4, 7],
        [B, 4, 7],
      ],
      flops: 840,
      elements: [30, 140, 140],
    },
  ],
  // A row and dim: 4 sums, 4 squares, 4 sums of squares; a square, a difference, a half.
  factorizationMachine: [
    {
      shapes: [
        [B, 4, 7],
        [B, 7],
      ],
      flops: 525,
      elements: [140, 35],
    },
  ],
  factorizationMachineGrad: [
    {
      shapes: [
        [B, 7],
        [B, 4, 7],
        [B, 4, 7],
      ],
      flops: 420,
      elements: [35, 140, 140],
    },
  ],
  // [2, 3] x [3, 4] in every row; transposed, with a fixed left side.
  batchMatmul: [
    {
      shapes: [
        [B, 2, 3],
        [B, 3, 4],
        [B, 2, 4],
      ],
      attributes: [0, 0],
      flops: 240,
      elements: [30, 60, 40],
    },
    {
      shapes: [
        [3, 2],
        [B, 4, 3],
        [B, 2, 4],
      ],
      attributes: [1, 1],
      flops: 240,
      elements: [6, 60, 40],
    },
  ],
  softmax: [pair([B, 3], 2, 75)],
  softmaxGrad: [pair([B, 3], 3, 60)],
  scaleColumns: [{ shapes: [[B, 3], [3], [B, 3]], flops: 15, elements: [15, 3, 15] }],
  transpose: [
    {
      shapes: [
        [B, 2, 3],
        [B, 3, 2],
      ],
      flops: 0,
      elements: [30, 30],
    },
  ],
  // 5 x 4 positions, 6 pairs (2 maps, 3 fields): a product and 7 multiply-adds each.
  compressedInteraction: [
    {
      shapes: [
        [B, 2, 4],
        [B, 3, 4],
        [7, 6],
        [B, 7, 4],
      ],
      attributes: [0, 0],
      flops: 1800,
      elements: [40, 60, 42, 140],
    },
    {
      shapes: [[B, 2, 4], [B, 3, 4], [7, 6], [7], [B, 7, 4]],
      attributes: [0, 1],
      flops: 1940,
      elements: [40, 60, 42, 7, 140],
    },
  ],
  // As many positions and pairs: 7 multiply-adds for g, one to each side.
  compressedInteractionGradInput: [
    {
      shapes: [
        [B, 7, 4],
        [B, 2, 4],
        [B, 3, 4],
        [7, 6],
        [B, 2, 4],
        [B, 3, 4],
      ],
      flops: 2160,
      elements: [140, 40, 60, 42, 40, 60],
    },
  ],
  compressedInteractionGradWeight: [
    {
      shapes: [
        [B, 7, 4],
        [B, 2, 4],
        [B, 3, 4],
        [7, 6],
      ],
      flops: 1800,
      elements: [140, 40, 60, 42],
    },
  ],
  // 3 of the 9 weights of 3 fields are added to another.
  foldPairs: [
    {
      shapes: [
        [2, 9],
        [2, 6],
      ],
      flops: 6,
      elements: [18, 12],
    },
  ],
  unfoldPairs: [
    {
      shapes: [
        [2, 6],
        [2, 9],
      ],
      flops: 0,
      elements: [12, 18],
    },
  ],
  sumInner: [
    {
      shapes: [
        [B, 2, 3],
        [B, 2],
      ],
      flops: 30,
      elements: [30, 10],
    },
  ],
  broadcastInner: [
    {
      shapes: [
        [B, 2],
        [B, 2, 3],
      ],
      flops: 0,
      elements: [10, 30],
    },
  ],
  batchMoments: [{ shapes: [[B, 3], [3], [3]], flops: 60, elements: [15, 3, 3] }],
  batchNormalize: [
    { shapes: [[B, 3], [3], [3], [3], [3], [B, 3]], flops: 60, elements: [15, 3, 3, 3, 3, 15] },
  ],
  batchNormGradSums: [
    { shapes: [[B, 3], [B, 3], [3], [3], [3], [3]], flops: 75, elements: [15, 15, 3, 3, 3, 3] },
  ],
  batchNormGradInput: [
    {
      shapes: [[B, 3], [B, 3], [3], [3], [3], [3], [3], [B, 3]],
      flops: 90,
      elements: [15, 15, 3, 3, 3, 3, 3, 15],
    },
  ],
  updateRunning: [{ shapes: [[3], [3], [3], [3]], flops: 21, elements: [6, 6, 3, 3] }],
  layerNorm: [{ shapes: [[B, 3], [3], [3], [B, 3]], flops: 120, elements: [15, 3, 3, 15] }],
  layerNormGradInput: [{ shapes: [[B, 3], [B, 3], [3], [B, 3]], flops: 210, elements: [15, 15, 3, 15] }],
  layerNormGradParams: [{ shapes: [[B, 3], [B, 3], [3], [3]], flops: 135, elements: [15, 15, 3, 3] }],
  dropout: [pair([B, 3], 2, 30)],
  logisticNoise: [{ shapes: [[B, 3]], flops: 180, elements: [15] }],
  sigmoidCrossEntropy: [pair([B, 1], 3, 35)],
  sigmoidCrossEntropyGrad: [pair([B, 1], 4, 30)],
  batchMean: [{ shapes: [[B, 1], [1]], flops: 5, elements: [5, 1] }],
  batchMeanGrad: [{ shapes: [[1], [B, 1]], flops: 5, elements: [1, 5] }],
  sgd: [{ shapes: [[2, 3], [2, 3], [1]], flops: 24, elements: [12, 6, 1] }],
  adagrad: [{ shapes: [[2, 3], [2, 3], [1], [2, 3]], flops: 54, elements: [12, 6, 1, 12] }],
  momentum: [{ shapes: [[2, 3], [2, 3], [1], [2, 3]], flops: 48, elements: [12, 6, 1, 12] }],
  rmsprop: [{ shapes: [[2, 3], [2, 3], [1], [2, 3]], flops: 66, elements: [12, 6, 1, 12] }],
  adadelta: [{ shapes: [[2, 3], [2, 3], [1], [2, 3], [2, 3]], flops: 108, elements: [12, 6, 1, 12, 12] }],
  adam: [{ shapes: [[2, 3], [2, 3], [1], [2, 3], [2, 3]], flops: 96, elements: [12, 6, 1, 12, 12] }],
  // 5 rows of 4 looked up: 20 additions, and the update of 20 elements.
  tableSgd: [
    {
      shapes: [[100, 4], [1], [B], [B, 4]],
      attributes: [0, 0, 0, 0, 0],
      flops: 20 + 4 * 20,
      elements: [40, 1, 5, 20],
    },
    // Every row is updated: 400 elements.
    {
      shapes: [[100, 4], [1], [B], [B, 4]],
      attributes: [0, 1, 0, 0, 0],
      flops: 20 + 4 * 400,
      elements: [800, 1, 5, 20],
    },
    // Two lookups, one of bags with 12 ids; the table has 10 rows, so that no more are updated.
    {
      shapes: [[10, 4], [1], [B], [B, 4], [12], [B, 4]],
      attributes: [0, 0, 0, 0, 0, 1],
      flops: 17 * 4 + 4 * 40,
      elements: [80, 1, 5, 20, 12, 20],
    },
  ],
  tableAdagrad: [
    {
      shapes: [[100, 4], [1], [100, 4], [B], [B, 4]],
      attributes: [1e-8, 0, 0, 0, 0, 0],
      flops: 20 + 9 * 20,
      elements: [40, 1, 40, 5, 20],
    },
  ],
  tableRowWiseAdagrad: [
    {
      shapes: [[100, 4], [1], [100], [B], [B, 4]],
      attributes: [1e-8, 0, 0, 0, 0, 0],
      flops: 20 + 7 * 20,
      elements: [40, 1, 10, 5, 20],
    },
  ],
  tableAdam: [twoStates([100, 4], 15, 40)],
  focalCrossEntropy: [pair([B, 1], 3, 70)],
  focalCrossEntropyGrad: [pair([B, 1], 4, 130)],
  // A class: the softmax's comparison, difference, exponential and sum; its gradient p - target, times dl.
  softmaxCrossEntropy: [
    {
      shapes: [
        [B, 3],
        [B, 1],
        [B, 1],
      ],
      flops: 60,
      elements: [15, 5, 5],
    },
  ],
  softmaxCrossEntropyGrad: [
    {
      shapes: [
        [B, 1],
        [B, 3],
        [B, 1],
        [B, 3],
      ],
      flops: 120,
      elements: [5, 15, 5, 15],
    },
  ],
  // A row: a comparison, a difference, an exponential, a sum.
  sessionLogSumExp: [{ shapes: [[B, 2], [B, 1], [B], [B, 1]], flops: 20, elements: [10, 5, 5, 5] }],
  rightClass: [
    {
      shapes: [
        [B, 3],
        [B, 1],
        [B, 1],
      ],
      flops: 15,
      elements: [15, 5, 5],
    },
  ],
  scoreHistogram: [
    {
      shapes: [
        [2, 2, 100],
        [B, 2],
        [B, 2],
      ],
      flops: 60,
      elements: [20, 10, 10],
    },
    {
      shapes: [
        [1, 2, 2],
        [B, 1],
        [B, 1],
      ],
      flops: 30,
      elements: [8, 5, 5],
    },
  ],
  sessionLogSumExpGrad: [
    { shapes: [[B, 2], [B, 1], [B], [B, 1], [B, 2]], flops: 20, elements: [10, 5, 5, 5, 10] },
  ],
  sumSquares: [{ shapes: [[2, 3], [1]], flops: 12, elements: [6, 1] }],
  // Two sums: an addition, a root, an addition, a quotient, a comparison.
  clipFactor: [{ shapes: [[1], [1], [1]], flops: 5, elements: [1, 1, 1] }],
  scaleByNumber: [{ shapes: [[2, 3], [1], [2, 3]], flops: 6, elements: [6, 1, 6] }],
  clipValue: [pair([2, 3], 2, 12)],
  movingAverage: [
    {
      shapes: [
        [2, 3],
        [2, 3],
      ],
      flops: 18,
      elements: [12, 6],
    },
  ],
  tableRmsprop: [
    {
      shapes: [[100, 4], [1], [100, 4], [B], [B, 4]],
      attributes: [0.9, 1e-8, 0, 0, 0, 0, 0],
      flops: 20 + 11 * 20,
      elements: [40, 1, 40, 5, 20],
    },
  ],
  tableAdadelta: [twoStates([100, 4], 18, 40)],
  tableLamb: [twoStates([100, 4], 22, 40)],
  tablePartialRowWiseAdam: [twoStates([100], 11, 10)],
  tablePartialRowWiseLamb: [twoStates([100], 18, 10)],
  tableSumSquares: [
    {
      shapes: [[100, 4], [B], [B, 4], [1024]],
      attributes: [0, 0],
      flops: 3 * 20,
      elements: [0, 5, 20, 1024],
    },
  ],
  tableLarsSgd: [
    // A factor of the gradient, and every row.
    {
      shapes: [[100, 4], [1], [100, 4], [1], [B], [B, 4]],
      attributes: [0.9, 0.001, 0, 0, 1, 0, 1, 0],
      flops: 20 + 14 * 400,
      elements: [800, 1, 800, 1, 5, 20],
    },
    {
      shapes: [[100, 4], [1], [100, 4], [B], [B, 4]],
      attributes: [0.9, 0.001, 0, 0, 0, 0, 0, 0],
      flops: 20 + 14 * 20,
      elements: [40, 1, 40, 5, 20],
    },
  ],
};

/** `count` operands of one shape, each touched once (or not at all). */
function pair(shape: number[], count: number, flops: number, touched?: number): Counted {
  const size = shape.reduce((a, b) => a * b);
  return { shapes: Array(count).fill(shape), flops, elements: Array(count).fill(touched ?? size) };
}

/** 5 rows of 4 looked up in a table with two states, the second of a shape of its own. */
function twoStates(second: number[], flops: number, touched: number): Counted {
  return {
    shapes: [[100, 4], [1], [100, 4], second, [B], [B, 4]],
    attributes: [0.9, 0.999, 1e-8, 0, 0, 0, 0, 0],
    flops: 20 + flops * 20,
    elements: [40, 1, 40, touched, 5, 20],
  };
}

const cases = Object.entries(COUNTS).flatMap(([kind, counted]) =>
  counted.map((count) => [kind, JSON.stringify(count.shapes), count] as const),
);

describe("costs of operations", () => {
  it.each(cases)("%s %s", (kind, _, { shapes, attributes = [], flops, elements }) => {
    expect((OPS[kind as OpKind] as Op).cost({ shapes, attributes })).toEqual({ flops, elements });
  });
});
