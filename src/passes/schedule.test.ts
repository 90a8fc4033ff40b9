import { describe, expect, it } from "vitest";
import { GraphBuilder } from "../graph/graph.js";
import { fp32, type Tensor } from "../graph/tensor.js";
import { OPS } from "../ops/index.js";
import { schedule } from "./schedule.js";

const init = { kind: "constant", value: 0 } as const;

function scene() {
  const g = new GraphBuilder();
  const weight = (name: string, ...shape: number[]): Tensor =>
    g.apply(OPS.parameter, [], { name, shape, role: "dense", init, trainable: true })[0];
  const [x] = g.apply(OPS.input, [], { name: "x", type: fp32("B", 3), limit: 0 });
  const [lr] = g.apply(OPS.scalar, [], { name: "lr" });
  return { g, weight, x, lr };
}

/** `tile: input linear | fixed: combine(sumRows)`, a stage at a time. */
function print(g: GraphBuilder): string[] {
  return schedule(g.finish()).map(({ kind, steps }) => {
    const names = steps.map((step) =>
      step.kind === "combine" ? `combine(${step.node.op.kind})` : step.node.op.kind,
    );
    return `${kind}: ${names.join(" ")}`;
  });
}

describe("schedule", () => {
  it("takes a row-wise graph through one tile stage", () => {
    const { g, weight, x } = scene();
    const [h] = g.apply(OPS.linear, [x, weight("w", 4, 3)], { fn: "relu" });
    g.apply(OPS.sumColumns, [h], {});
    expect(print(g)).toEqual(["tile: input linear sumColumns"]);
  });

  it("puts reductions in the tile stage of their rows, folds after it, and updates last", () => {
    const { g, weight, x, lr } = scene();
    const w = weight("w", 1, 3);
    const [y] = g.apply(OPS.linear, [x, w], { fn: "none" });
    const [dw] = g.apply(OPS.linearGradWeight, [y, x], {});
    g.apply(OPS.sgd, [w, dw, lr], { l2: 0 });
    g.apply(OPS.linearGradInput, [y, w], {}); // reads the old weight although it comes after the update
    expect(print(g)).toEqual([
      "tile: input linear linearGradWeight linearGradInput",
      "fixed: combine(linearGradWeight)",
      "fixed: sgd",
    ]);
  });

  it("computes rows in the phase of their first reader", () => {
    const { g, weight, x } = scene();
    const [h] = g.apply(OPS.linear, [x, weight("w", 4, 3)], { fn: "relu" });
    const [z] = g.apply(OPS.input, [], { name: "z", type: fp32("B", 4), limit: 0 });
    const [mean, variance] = g.apply(OPS.batchMoments, [z], {});
    const operands = [z, mean, variance, weight("gamma", 4), weight("beta", 4)];
    const [y] = g.apply(OPS.batchNormalize, operands, { eps: 1e-5, training: true });
    g.apply(OPS.add, [h, y], {});
    expect(print(g)).toEqual([
      "tile: input input batchMoments",
      "fixed: combine(batchMoments)",
      "tile: linear batchNormalize add",
    ]);
  });

  it("opens a new phase where rows need a reduction: batch normalization splits the program", () => {
    const { g, weight, x } = scene();
    const [mean, variance] = g.apply(OPS.batchMoments, [x], {});
    const operands = [x, mean, variance, weight("gamma", 3), weight("beta", 3)];
    const [y] = g.apply(OPS.batchNormalize, operands, { eps: 1e-5, training: true });
    g.apply(OPS.updateRunning, [weight("m", 3), weight("v", 3), mean, variance], { momentum: 0.1 });
    g.apply(OPS.batchMean, [g.apply(OPS.sumColumns, [y], {})[0]], {});
    expect(print(g)).toEqual([
      "tile: input batchMoments",
      "fixed: combine(batchMoments)",
      "fixed: updateRunning",
      "tile: batchNormalize sumColumns batchMean",
      "fixed: combine(batchMean)",
    ]);
  });

  it("computes what depends on no row before all rows", () => {
    const { g, weight, x } = scene();
    const [w] = g.apply(OPS.add, [weight("a", 2, 3), weight("b", 2, 3)], {});
    g.apply(OPS.linear, [x, w], { fn: "none" });
    const [d] = g.apply(OPS.constant, [], { value: 1, shape: [1] });
    g.apply(OPS.batchMeanGrad, [d], {});
    expect(print(g)).toEqual(["fixed: add constant", "tile: input linear batchMeanGrad"]);
  });

  it("gives views no step of their own", () => {
    const { g, x } = scene();
    const [part] = g.apply(OPS.slice, [x], { start: 1, size: 2 });
    const [matrix] = g.apply(OPS.reshape, [part], { dims: [2, 1] });
    g.apply(OPS.factorizationMachine, [matrix], {});
    expect(print(g)).toEqual(["tile: input factorizationMachine"]);
  });

  it("orders dependent fixed equations by level", () => {
    const { g, weight, x } = scene();
    const [a] = g.apply(OPS.sumRows, [x], {});
    const [b] = g.apply(OPS.sumRows, [x], {});
    const [sum] = g.apply(OPS.add, [a, b], {});
    g.apply(OPS.sgd, [weight("w", 3), sum, g.apply(OPS.scalar, [], { name: "lr2" })[0]], { l2: 0 });
    expect(print(g)).toEqual([
      "tile: input sumRows sumRows",
      "fixed: combine(sumRows) combine(sumRows)",
      "fixed: add",
      "fixed: sgd",
    ]);
  });

  it("keeps updates that share a parameter in order", () => {
    const { g, weight, x, lr } = scene();
    const [w, average, other] = [weight("w", 3), weight("average", 3), weight("other", 3)];
    const [dw] = g.apply(OPS.sumRows, [x], {});
    g.apply(OPS.movingAverage, [other, w], { decay: 0.9 }); // of the value before the update
    g.apply(OPS.sgd, [w, dw, lr], { l2: 0 });
    g.apply(OPS.movingAverage, [average, w], { decay: 0.9 }); // of the value after it
    expect(print(g)).toEqual([
      "fixed: movingAverage",
      "tile: input sumRows",
      "fixed: combine(sumRows)",
      "fixed: sgd",
      "fixed: movingAverage",
    ]);
  });
});
