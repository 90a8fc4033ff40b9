import type { Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { addBias } from "../ops/add-bias.js";
import { add, broadcastColumns, scale } from "../ops/arithmetic.js";
import { concat, slice } from "../ops/concat.js";
import { scaleColumns } from "../ops/scale-columns.js";
import { activationLayer } from "./activation-layer.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";

/**
 * A number x [B, 1] -> an embedding [B, dim]: `activation(W e + b)`, with the encoding e of
 * {@link piecewiseLinearEncoding}. Parameters `linear.weight` [dim, T] and `linear.bias` [dim], and those of the
 * encoding. With relu it is the Q-LR of the paper, without it Q-L.
 * Source: Gorishniy et al., "On Embeddings for Numerical Features in Tabular Deep Learning", 2022, section 3.2.
 */
export function piecewiseLinear(
  scope: Scope,
  x: Tensor,
  edges: readonly number[],
  dim: number,
  fn: "none" | "relu",
): Tensor {
  const encoding = piecewiseLinearEncoding(scope.child("bins"), x, edges);
  return activationLayer(scope, linearLayer(scope.child("linear"), encoding, { units: dim }), fn);
}

/**
 * The encoding [B, T] of x [B, 1] by T bins with the ends b_0 < … < b_T. Element t is
 * `(x - b_(t-1)) / (b_t - b_(t-1))`, not below 0 unless t is 1, and not above 1 unless t is T. Parameters that are not
 * trained: `starts` [T], -b_0 … -b_(T-1), and `scale` [T], one over the widths.
 *
 * With h_t = max(x - b_t, 0), but h_0 = x - b_0, the element is the difference of h_(t-1) and h_t (0 for t = T) over the
 * width.
 */
function piecewiseLinearEncoding(scope: Scope, x: Tensor, edges: readonly number[]): Tensor {
  const bins = edges.length - 1;
  const fixed = (name: string, valueIn: (bin: number) => number): Tensor =>
    scope.parameter(name, {
      shape: [bins],
      init: { kind: "values", values: Array.from({ length: bins }, (_, bin) => valueIn(bin)) },
      trainable: false,
    });
  const starts = fixed("starts", (bin) => -edges[bin]);
  const widths = fixed("scale", (bin) => 1 / (edges[bin + 1] - edges[bin]));
  const [all] = scope.apply(broadcastColumns, [x], { columns: bins });
  const [above] = scope.apply(addBias, [all, starts], {});
  const inBins = bins === 1 ? above : differences(scope, above, bins);
  return scope.apply(scaleColumns, [inBins, widths], {})[0];
}

/** From x - b_t, t = 0 … T - 1, the part of x in each bin: h_(t-1) - h_t. */
function differences(scope: Scope, above: Tensor, bins: number): Tensor {
  const part = (of: Tensor, start: number, size: number) => scope.apply(slice, [of], { start, size })[0];
  const [hinges] = scope.apply(activation, [part(above, 1, bins - 1)], { fn: "relu" });
  const [negative] = scope.apply(scale, [hinges], { factor: -1 });
  const [left] = scope.apply(concat, [part(above, 0, 1), hinges], {});
  const [inner] = scope.apply(add, [part(left, 0, bins - 1), negative], {});
  return scope.apply(concat, [inner, part(left, bins - 1, 1)], {})[0];
}
