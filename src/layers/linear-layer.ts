import type { Initializer } from "../graph/initializer.js";
import { columnsOf, type Tensor } from "../graph/tensor.js";
import { linear } from "../ops/linear.js";
import type { Scope } from "./scope.js";

export interface LinearOptions {
  readonly units: number;
  readonly bias?: boolean;
  /** Initial weights; default {@link weightStart}. */
  readonly init?: Initializer;
}

/** x [B, K] -> x W^T + b [B, units]. Parameters `weight` [units, K] and `bias` [units]. */
export function linearLayer(scope: Scope, x: Tensor, { units, bias = true, init }: LinearOptions): Tensor {
  const inputs = columnsOf(x);
  const weight = scope.parameter("weight", {
    shape: [units, inputs],
    init: init ?? weightStart(scope, inputs, units),
  });
  const operands = [x, weight];
  if (bias) operands.push(scope.parameter("bias", { shape: [units], init: biasStart(scope, inputs) }));
  return scope.apply(linear, operands, { fn: "none" })[0];
}

export const zeros: Initializer = { kind: "constant", value: 0 };
export const ones: Initializer = { kind: "constant", value: 1 };

/** Glorot & Bengio, "Understanding the Difficulty of Training Deep Feedforward Neural Networks", 2010. */
export function glorotNormal(inputs: number, outputs: number): Initializer {
  return { kind: "normal", mean: 0, std: Math.sqrt(2 / (inputs + outputs)) };
}

export function glorotUniform(inputs: number, outputs: number): Initializer {
  return uniform(Math.sqrt(6 / (inputs + outputs)));
}

export const uniform = (range: number): Initializer => ({ kind: "uniform", low: -range, high: range });

/** Initial weights between `inputs` and `outputs`: Glorot normal, or as PyTorch's Linear and Conv1d. */
export function weightStart({ start }: Scope, inputs: number, outputs: number): Initializer {
  return start === "torch" ? uniform(1 / Math.sqrt(inputs)) : glorotNormal(inputs, outputs);
}

/** Initial biases: zero, or as PyTorch's Linear and Conv1d. */
export function biasStart({ start }: Scope, inputs: number): Initializer {
  return start === "torch" ? uniform(1 / Math.sqrt(inputs)) : zeros;
}
