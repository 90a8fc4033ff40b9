import { z } from "zod";
import type { Tensor } from "../graph/tensor.js";
import { dropout } from "../ops/dropout.js";
import type { Scope } from "./scope.js";

/** The fraction of elements that dropout sets to zero. */
export const dropoutRate = z.number().min(0).lt(1);

/** Dropout of x [B, …] in training; x itself in inference and at rate 0. */
export function dropoutLayer(scope: Scope, x: Tensor, rate: number): Tensor {
  if (rate === 0 || scope.mode === "inference") return x;
  return scope.apply(dropout, [x], { rate, stream: scope.stream("dropout") })[0];
}
