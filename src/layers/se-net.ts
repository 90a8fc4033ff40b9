import type { Tensor } from "../graph/tensor.js";
import { activation } from "../ops/activation.js";
import { multiply } from "../ops/arithmetic.js";
import { batchMatmul } from "../ops/batch-matmul.js";
import { reshape } from "../ops/reshape.js";
import { constant } from "../ops/sources.js";
import { linearLayer } from "./linear-layer.js";
import type { Scope } from "./scope.js";

const PLAIN = { transposeA: false, transposeB: false } as const;

/**
 * Squeeze and excitation of fields: each field of x [B, F, D] is scaled by a weight in (0, 1) that depends on the means
 * of all fields, `x_f * sigmoid(W2 relu(W1 mean_d(x)))_f`. Parameters `0.weight` [max(1, F / reduction), F], `1.weight`
 * [F, …]. Sources: Hu, Shen & Sun, "Squeeze-and-Excitation Networks", 2018; for fields of embeddings, Huang, Zhang &
 * Zhang, "FiBiNET", 2019.
 */
export function seNet(scope: Scope, x: Tensor, reduction = 2): Tensor {
  const [, fields, dim] = x.shape as [unknown, number, number];
  const units = Math.max(1, Math.floor(fields / reduction));
  const [means] = scope.apply(batchMatmul, [x, fill(scope, 1 / dim, [dim, 1])], PLAIN);
  const [squeezed] = scope.apply(reshape, [means], { dims: [fields] });
  const hidden = linearLayer(scope.child(0), squeezed, { units, bias: false });
  const [active] = scope.apply(activation, [hidden], { fn: "relu" });
  const excited = linearLayer(scope.child(1), active, { units: fields, bias: false });
  const [weights] = scope.apply(activation, [excited], { fn: "sigmoid" });
  const [column] = scope.apply(reshape, [weights], { dims: [fields, 1] });
  const [spread] = scope.apply(batchMatmul, [column, fill(scope, 1, [1, dim])], PLAIN);
  return scope.apply(multiply, [x, spread], {})[0];
}

function fill(scope: Scope, value: number, shape: number[]): Tensor {
  return scope.apply(constant, [], { value, shape })[0];
}
