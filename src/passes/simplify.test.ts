import { describe, expect, it } from "vitest";
import { evaluate } from "../backends/reference/evaluate.js";
import { type Graph, GraphBuilder } from "../graph/graph.js";
import { asFp32, type Node, type Value } from "../graph/op.js";
import { fp32, type Tensor, width } from "../graph/tensor.js";
import { ACTIVATIONS, type ActivationFn } from "../ops/activation.js";
import { OPS } from "../ops/index.js";
import { drawKey, drawUnit } from "../random.js";
import { autodiff } from "./autodiff.js";
import { simplify } from "./compile.js";
import { eliminateDeadCode } from "./eliminate.js";
import { fuseActivationGrad, fuseLinearActivation } from "./fuse.js";

const FUNCTIONS = Object.keys(ACTIVATIONS) as ActivationFn[];
const ROWS = 3;
const init = { kind: "constant", value: 0 } as const;

function weight(g: GraphBuilder, name: string, ...shape: number[]): Tensor {
  return g.apply(OPS.parameter, [], { name, shape, role: "dense", init, trainable: true })[0];
}

function start() {
  const g = new GraphBuilder();
  const [x] = g.apply(OPS.input, [], { name: "x", type: fp32("B", 4), limit: 0 });
  const [sum] = g.apply(OPS.linear, [x, weight(g, "w", 2, 4), weight(g, "b", 2)], { fn: "none" });
  return { g, x, sum };
}

function kinds(graph: Graph): string[] {
  return graph.nodes.map((node) => node.op.kind);
}

/** The outputs on random float32 data that depends on the names only. */
function values(graph: Graph): Map<string, number[]> {
  const bind = (node: Node): Value => {
    const [type] = node.outputs;
    const length = width(type) * (type.shape[0] === "B" ? ROWS : 1);
    const key = drawKey(0, node.attrs.name.charCodeAt(0), 0);
    const data = Float32Array.from({ length }, (_, i) => 4 * drawUnit(key, i) - 2);
    const shape = type.shape.map((dim) => (typeof dim === "string" ? ROWS : dim));
    return { kind: "fp32", shape, data };
  };
  const all = evaluate(graph, { rows: ROWS, step: 0, seed: 0 }, bind, (n) => new Float64Array(n));
  return new Map([...graph.outputs].map(([name, t]) => [name, Array.from(asFp32(all.get(t)!).data)]));
}

describe("eliminateDeadCode", () => {
  it("drops what nothing needs, sources included, and keeps the order of the rest", () => {
    const { g, x, sum } = start();
    const [unused] = g.apply(OPS.scale, [x], { factor: 2 });
    g.apply(OPS.linear, [unused, weight(g, "dead", 1, 4)], { fn: "none" });
    const [y] = g.apply(OPS.sumColumns, [sum], {});
    g.output("y", y);
    const slim = eliminateDeadCode(g.finish());
    expect(kinds(slim)).toEqual(["input", "parameter", "parameter", "linear", "sumColumns"]);
    expect(values(slim)).toEqual(values(g.finish()));
  });

  it("keeps updates in place and all that they read, though no output needs them", () => {
    const { g, sum } = start();
    const w = weight(g, "v", 2);
    const [gradient] = g.apply(OPS.sumRows, [sum], {});
    g.apply(OPS.sgd, [w, gradient, g.apply(OPS.scalar, [], { name: "lr" })[0]], { l2: 0 });
    const graph = g.finish();
    expect(eliminateDeadCode(graph)).toEqual(graph);
  });
});

describe("fuseLinearActivation", () => {
  it.each(FUNCTIONS)("moves %s into the layer without changing a value", (fn) => {
    const { g, sum } = start();
    g.output("y", g.apply(OPS.activation, [sum], { fn })[0]);
    const fused = fuseLinearActivation(g.finish());
    expect(kinds(fused)).toEqual(["input", "parameter", "parameter", "linear"]);
    expect(values(fused)).toEqual(values(g.finish()));
  });

  it("fuses each layer of a chain", () => {
    const { g, sum } = start();
    const [h] = g.apply(OPS.activation, [sum], { fn: "relu" });
    const [z] = g.apply(OPS.linear, [h, weight(g, "v", 3, 2)], { fn: "none" });
    g.output("y", g.apply(OPS.activation, [z], { fn: "tanh" })[0]);
    const fused = fuseLinearActivation(g.finish());
    expect(kinds(fused).filter((kind) => kind === "activation")).toEqual([]);
    expect(values(fused)).toEqual(values(g.finish()));
  });

  it("leaves a sum that has a second reader", () => {
    const { g, sum } = start();
    const [y] = g.apply(OPS.activation, [sum], { fn: "relu" });
    g.output("y", g.apply(OPS.add, [y, sum], {})[0]);
    expect(kinds(fuseLinearActivation(g.finish()))).toContain("activation");
  });

  it("leaves a sum that is an output, and one whose only reader is no activation", () => {
    const { g, sum } = start();
    g.output("sum", sum);
    g.output("y", g.apply(OPS.activation, [sum], { fn: "relu" })[0]);
    expect(kinds(fuseLinearActivation(g.finish()))).toContain("activation");
    const other = start();
    other.g.output("y", other.g.apply(OPS.scale, [other.sum], { factor: 2 })[0]);
    expect(fuseLinearActivation(other.g.finish())).toEqual(other.g.finish());
  });
});

describe("fuseActivationGrad", () => {
  function chain(fn: ActivationFn) {
    const { g, x, sum } = start();
    const [dx] = g.apply(OPS.linearGradInput, [sum, weight(g, "v", 2, 4)], {});
    return { g, x, dx, dz: g.apply(OPS.activationGrad, [dx, x], { fn })[0] };
  }

  it.each(FUNCTIONS)("moves the slope of %s into the gradient before it without changing a value", (fn) => {
    const { g, dz } = chain(fn);
    g.output("y", dz);
    const fused = fuseActivationGrad(g.finish());
    expect(kinds(fused)).not.toContain("activationGrad");
    expect(values(fused)).toEqual(values(g.finish()));
  });

  it("leaves a gradient that has a second reader or is an output", () => {
    const read = chain("relu");
    read.g.output("y", read.g.apply(OPS.add, [read.dz, read.dx], {})[0]);
    expect(fuseActivationGrad(read.g.finish())).toEqual(read.g.finish());
    const output = chain("relu");
    output.g.output("y", output.dz);
    output.g.output("dx", output.dx);
    expect(fuseActivationGrad(output.g.finish())).toEqual(output.g.finish());
  });
});

describe("simplify", () => {
  it.each(FUNCTIONS)(
    "keeps loss and gradients of a layer with %s; fuses where the slope needs no sum",
    (fn) => {
      const { g, sum } = start();
      const [y] = g.apply(OPS.activation, [sum], { fn });
      g.output("loss", g.apply(OPS.batchMean, [g.apply(OPS.sumColumns, [y], {})[0]], {})[0]);
      const { graph, gradients } = autodiff(g.finish(), "loss");
      const trained = new GraphBuilder(graph);
      for (const { attrs, dense: gradient } of gradients) trained.output(attrs.name, gradient!);
      const simple = simplify(trained.finish());
      expect(values(simple)).toEqual(values(trained.finish()));
      expect(kinds(simple).includes("activation")).toBe(ACTIVATIONS[fn].slopeFrom === "input");
    },
  );
});
