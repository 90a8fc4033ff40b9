import { columnsOf, type Tensor } from "../graph/tensor.js";
import { linear } from "../ops/linear.js";
import type { Initializer } from "../ops/sources.js";
import type { Scope } from "./scope.js";

export interface LinearOptions {
  readonly units: number;
  readonly bias?: boolean;
}

/**
 * x [B, K] -> x W^T + b [B, units]. Parameters `weight` [units, K] (Glorot normal: Glorot & Bengio, 2010) and `bias`
 * [units] (zero).
 */
export function linearLayer(scope: Scope, x: Tensor, { units, bias = true }: LinearOptions): Tensor {
  const inputs = columnsOf(x);
  const weight = scope.parameter("weight", { shape: [units, inputs], init: glorotNormal(inputs, units) });
  const operands = bias ? [x, weight, scope.parameter("bias", { shape: [units], init: zeros })] : [x, weight];
  return scope.apply(linear, operands, { fn: "none" })[0];
}

export const zeros: Initializer = { kind: "constant", value: 0 };
export const ones: Initializer = { kind: "constant", value: 1 };

/** Glorot & Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010. */
export function glorotNormal(inputs: number, outputs: number): Initializer {
  return { kind: "normal", mean: 0, std: Math.sqrt(2 / (inputs + outputs)) };
}
