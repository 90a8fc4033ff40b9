import { columnsOf, type Tensor } from "../graph/tensor.js";
import { add } from "../ops/arithmetic.js";
import { type From, placeSinusoids } from "../ops/entry-places.js";
import { segmentAttention } from "../ops/segment-attention.js";
import { segmentSum } from "../ops/segment-sum.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";
import type { Sequence } from "./target-attention.js";

export interface SelfAttentionConfig {
  /** Width of the queries, keys, values and of the result; a multiple of `heads`. */
  readonly dim: number;
  readonly heads: number;
  /** Adds sinusoids of the entries' places to them; places are counted from this end of a row. */
  readonly positions?: From;
}

/**
 * Multi-head self-attention: entries [L, D] -> [B, dim], the mean of what each entry of a row takes from all of them. A row
 * without entries gets zeros. Parameters `query`, `key`, `value` and `output`, each with a `weight`; all but the key have a
 * `bias`, which the softmax would take away. As TorchEasyRec's self-attention encoder, which projects twice, one linear layer after
 * another, and has no positions.
 * Source: Vaswani et al., "Attention Is All You Need", 2017, section 3.2.2; positions: section 3.5.
 */
export function selfAttention(
  scope: Scope,
  { bag, entries }: Sequence,
  { dim, heads, positions }: SelfAttentionConfig,
): Tensor {
  const x = positions ? withPlaces(scope, { bag, entries }, positions) : entries;
  const [q, k, v] = ["query", "key", "value"].map((name) =>
    linearLayer(scope.child(name), x, { units: dim, bias: name !== "key" }),
  );
  const [attended] = scope.apply(segmentAttention, [q, k, v, bag], { heads });
  const output = linearLayer(scope.child("output"), attended, { units: dim });
  return scope.apply(segmentSum, [output, bag], { pooling: "mean" })[0];
}

function withPlaces(scope: Scope, { bag, entries }: Sequence, from: From): Tensor {
  const [places] = scope.apply(placeSinusoids, [bag], { from, columns: columnsOf(entries) });
  return scope.apply(add, [entries, places], {})[0];
}
