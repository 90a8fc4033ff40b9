import { columnsOf, type Tensor } from "../graph/tensor.js";
import { addBias } from "../ops/add-bias.js";
import { add, broadcastColumns, multiply } from "../ops/arithmetic.js";
import { glorotUniform, linearLayer, zeros } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/**
 * Cross network: x0 [B, N] -> [B, N] through `x_{l+1} = x0 (x_l · w_l) + b_l + x_l`. Parameters of layer l: `l.weight`
 * [1, N], `l.bias` [N]. Source: Wang et al., "Deep & Cross Network for Ad Click Predictions", 2017.
 */
export function crossNetwork(scope: Scope, x0: Tensor, layers: number): Tensor {
  const width = columnsOf(x0);
  let x = x0;
  for (let l = 0; l < layers; l++) {
    const layer = scope.child(l);
    const init = scope.start === "torch" ? glorotUniform(width, 1) : undefined;
    const factor = linearLayer(layer, x, { units: 1, bias: false, init });
    const [spread] = scope.apply(broadcastColumns, [factor], { columns: width });
    const [crossed] = scope.apply(multiply, [x0, spread], {});
    const bias = layer.parameter("bias", { shape: [width], init: zeros });
    [x] = scope.apply(add, [scope.apply(addBias, [crossed, bias], {})[0], x], {});
  }
  return x;
}

export interface CrossV2Options {
  readonly layers: number;
  /** Rank of the weight, `W = U V`; absent: a full [N, N] weight. */
  readonly rank?: number;
}

/**
 * Cross network version 2: x0 [B, N] -> [B, N] through `x_{l+1} = x0 * (W_l x_l + b_l) + x_l`, elementwise product.
 * Parameters of layer l: `l.weight` [N, N] and `l.bias` [N]; of low rank `l.down.weight` [rank, N], `l.up.weight`
 * [N, rank] and `l.up.bias` [N].
 * Source: Wang et al., "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale Learning to Rank
 * Systems", 2021, equations 1 and 2.
 */
export function crossNetworkV2(scope: Scope, x0: Tensor, { layers, rank }: CrossV2Options): Tensor {
  const units = columnsOf(x0);
  let x = x0;
  for (let l = 0; l < layers; l++) {
    const layer = scope.child(l);
    const mixed =
      rank === undefined
        ? linearLayer(layer, x, { units })
        : linearLayer(layer.child("up"), linearLayer(layer.child("down"), x, { units: rank, bias: false }), {
            units,
          });
    [x] = scope.apply(add, [scope.apply(multiply, [x0, mixed], {})[0], x], {});
  }
  return x;
}
