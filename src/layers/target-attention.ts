import { columnsOf, type Tensor } from "../graph/tensor.js";
import { add, broadcastColumns, multiply, scale, sumColumns } from "../ops/arithmetic.js";
import { concat } from "../ops/concat.js";
import { segmentSoftmax } from "../ops/segment-softmax.js";
import { repeatRows, segmentSum } from "../ops/segment-sum.js";
import { linearLayer } from "./linear-layer.js";
import { type MlpConfig, mlp } from "./mlp.js";
import type { Scope } from "./scope.js";

/** Entries [L, D], and the bag [B] that says whose they are. */
export interface Sequence {
  readonly bag: Tensor;
  readonly entries: Tensor;
}

/**
 * Target attention of the Deep Interest Network: query [B, D] and entries [L, D] -> [B, D], the sum of a row's entries,
 * weighted by the softmax of `MLP([q, x, q - x, q * x])`. A row without entries gets zeros. Parameters `mlp.<i>.…` and
 * `score.weight`. As in TorchEasyRec, with a softmax; the paper has none.
 * Source: Zhou et al., "Deep Interest Network for Click-Through Rate Prediction", 2018.
 */
export function targetAttention(scope: Scope, query: Tensor, sequence: Sequence, config: MlpConfig): Tensor {
  const x = sequence.entries;
  const q = repeated(scope, query, sequence);
  const [negative] = scope.apply(scale, [x], { factor: -1 });
  const [difference] = scope.apply(add, [q, negative], {});
  const [product] = scope.apply(multiply, [q, x], {});
  const [joined] = scope.apply(concat, [q, x, difference, product], {});
  const hidden = mlp(scope.child("mlp"), joined, config);
  // The softmax would take a bias away.
  const scores = linearLayer(scope.child("score"), hidden, { units: 1, bias: false });
  return weightedSum(scope, scores, sequence);
}

/**
 * Attention by dot products: query [B, D] and entries [L, D] -> [B, D], the sum of a row's entries, weighted by the softmax
 * of `q · x`. A row without entries gets zeros. TorchEasyRec calls it simple attention.
 */
export function dotAttention(scope: Scope, query: Tensor, sequence: Sequence): Tensor {
  const [product] = scope.apply(multiply, [repeated(scope, query, sequence), sequence.entries], {});
  return weightedSum(scope, scope.apply(sumColumns, [product], {})[0], sequence);
}

function repeated(scope: Scope, query: Tensor, { bag }: Sequence): Tensor {
  return scope.apply(repeatRows, [query, bag], { pooling: "sum" })[0];
}

/** The sum of a row's entries, weighted by the softmax of their scores [L, 1]. */
function weightedSum(scope: Scope, scores: Tensor, { bag, entries }: Sequence): Tensor {
  const [weights] = scope.apply(segmentSoftmax, [scores, bag], {});
  const [spread] = scope.apply(broadcastColumns, [weights], { columns: columnsOf(entries) });
  const [weighted] = scope.apply(multiply, [spread, entries], {});
  return scope.apply(segmentSum, [weighted, bag], { pooling: "sum" })[0];
}
