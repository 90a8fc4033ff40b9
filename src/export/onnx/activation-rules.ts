import type { ActivationFn } from "../../ops/activation.js";
import type { OnnxGraph } from "./onnx-graph.js";

/** A rule for every activation. */
export const ACTIVATION_RULES: Readonly<Record<ActivationFn, (g: OnnxGraph, x: string) => string>> = {
  none: (_, x) => x,
  relu: (g, x) => g.op("Relu", [x]),
  sigmoid: (g, x) => g.op("Sigmoid", [x]),
  tanh: (g, x) => g.op("Tanh", [x]),
  leakyRelu: (g, x) => g.op("LeakyRelu", [x], { alpha: { float: 0.01 } }),
  silu: (g, x) => g.op("Mul", [x, g.op("Sigmoid", [x])]),
  gelu: (g, x) => {
    const erf = g.op("Erf", [g.op("Mul", [x, g.float(Math.SQRT1_2)])]);
    return g.op("Mul", [g.op("Mul", [x, g.float(0.5)]), g.op("Add", [erf, g.float(1)])]);
  },
  softplus: (g, x) => g.op("Softplus", [x]),
  elu: (g, x) => g.op("Elu", [x], { alpha: { float: 1 } }),
  sin: (g, x) => g.op("Sin", [x]),
  cos: (g, x) => g.op("Cos", [x]),
};
