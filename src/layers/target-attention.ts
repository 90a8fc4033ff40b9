import { columnsOf, type Tensor } from "../graph/tensor.js";
import { add, broadcastColumns, multiply, scale, sumColumns } from "../ops/arithmetic.js";
import { concat } from "../ops/concat.js";
import { type From, windowShares } from "../ops/entry-places.js";
import { linear } from "../ops/linear.js";
import { segmentSoftmax } from "../ops/segment-softmax.js";
import { repeatRows, segmentSum } from "../ops/segment-sum.js";
import { rectified } from "./activation-layer.js";
import { join } from "./embedding-layer.js";
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

export interface Windows {
  /** Entries in each window; the next begins where one ends. */
  readonly windows: readonly number[];
  /** The end of a row at which the first window begins. */
  readonly from: From;
}

/**
 * DIN with several windows: query [B, D] and entries [L, D] -> [B, (windows + 1) D]: for each window of a row the mean of its
 * entries, weighted by `PReLU(MLP([x, q * x, q]))`, then the query. A window without entries gives zeros. Parameters
 * `mlp.<i>.…`, `score.weight`, `score.bias`, `score.prelu.alpha`.
 * Source: TorchEasyRec's MultiWindowDINEncoder.
 */
export function windowAttention(
  scope: Scope,
  query: Tensor,
  sequence: Sequence,
  { windows, from }: Windows,
  config: MlpConfig,
): Tensor {
  const x = sequence.entries;
  const q = repeated(scope, query, sequence);
  const [product] = scope.apply(multiply, [q, x], {});
  const hidden = mlp(scope.child("mlp"), join(scope, [x, product, q]), config);
  const score = scope.child("score");
  const scores = entryPrelu(score.child("prelu"), linearLayer(score, hidden, { units: 1 }));
  const pooled = windows.map((count, i) => {
    const skip = windows.slice(0, i).reduce((sum, before) => sum + before, 0);
    const [shares] = scope.apply(windowShares, [sequence.bag], { from, skip, count });
    return sumOfEntries(scope, scope.apply(multiply, [scores, shares], {})[0], sequence);
  });
  return join(scope, [...pooled, query]);
}

/** PReLU of one number per entry [L, 1], with one slope. */
function entryPrelu(scope: Scope, x: Tensor): Tensor {
  const alpha = scope.parameter("alpha", { shape: [1, 1], init: { kind: "constant", value: 0.25 } });
  return rectified(scope, x, (negative) => scope.apply(linear, [negative, alpha], { fn: "none" })[0]);
}

function repeated(scope: Scope, query: Tensor, { bag }: Sequence): Tensor {
  return scope.apply(repeatRows, [query, bag], { pooling: "sum" })[0];
}

/** The sum of a row's entries, weighted by the softmax of their scores [L, 1]. */
function weightedSum(scope: Scope, scores: Tensor, sequence: Sequence): Tensor {
  return sumOfEntries(scope, scope.apply(segmentSoftmax, [scores, sequence.bag], {})[0], sequence);
}

/** The sum of a row's entries, times their weights [L, 1]. */
function sumOfEntries(scope: Scope, weights: Tensor, { bag, entries }: Sequence): Tensor {
  const [spread] = scope.apply(broadcastColumns, [weights], { columns: columnsOf(entries) });
  const [weighted] = scope.apply(multiply, [spread, entries], {});
  return scope.apply(segmentSum, [weighted, bag], { pooling: "sum" })[0];
}
