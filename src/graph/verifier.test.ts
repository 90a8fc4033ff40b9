import { describe, expect, it } from "vitest";
import { GraphError } from "../errors.js";
import { OPS } from "../ops/index.js";
import { type Graph, GraphBuilder } from "./graph.js";
import type { Node } from "./op.js";
import { fp32, type Tensor } from "./tensor.js";
import { verifyGraph } from "./verifier.js";

const x: Tensor = { id: 0, ...fp32("B", 3) };
const y: Tensor = { id: 1, ...fp32("B", 3) };
const input: Node = {
  op: OPS.input,
  inputs: [],
  attrs: { name: "x", type: fp32("B", 3), limit: 0 },
  outputs: [x],
};
const double: Node = { op: OPS.add, inputs: [x, x], attrs: {}, outputs: [y] };

function graph(nodes: Node[], outputs: [string, Tensor][] = []): Graph {
  return { nodes, outputs: new Map(outputs) };
}

describe("verifyGraph", () => {
  it("returns a sound graph", () => {
    const sound = graph([input, double], [["y", y]]);
    expect(verifyGraph(sound, "building")).toBe(sound);
  });

  const breaches: [string, Graph, RegExp][] = [
    ["use before definition", graph([double, input]), /%0 is used before it is defined/],
    ["a tensor of another graph", graph([input, { ...double, inputs: [x, { ...x }] }]), /used before/],
    ["double definition", graph([input, double, double]), /%1 is defined twice/],
    ["a wrong shape", graph([input, { ...double, outputs: [{ ...y, shape: ["B", 4] }] }]), /wrong type/],
    ["a wrong dtype", graph([input, { ...double, outputs: [{ ...y, dtype: "id" }] }]), /wrong type/],
    ["too few outputs", graph([input, { ...double, outputs: [] }]), /number of outputs/],
    ["operands that do not fit", graph([input, { ...double, inputs: [x] }]), /do not fit/],
    ["an output of no equation", graph([input], [["y", y]]), /output "y" is not defined/],
    [
      "an update of a tensor that is no parameter",
      updatesConstant(),
      /updated in place but is not a parameter/,
    ],
  ];
  it.each(breaches)("refuses %s", (_, broken, message) => {
    expect(() => verifyGraph(broken, "somePass")).toThrow(GraphError);
    expect(() => verifyGraph(broken, "somePass")).toThrow(message);
  });

  it("names the pass and the equation", () => {
    const broken = graph([input, double, double]);
    expect(() => verifyGraph(broken, "somePass")).toThrow("after somePass: %1: fp32[B, 3] = add(%0, %0)");
  });
});

function updatesConstant(): Graph {
  const g = new GraphBuilder();
  const [w] = g.apply(OPS.constant, [], { value: 1, shape: [2] });
  const [lr] = g.apply(OPS.scalar, [], { name: "lr" });
  g.apply(OPS.sgd, [w, w, lr], { l2: 0 });
  return g.finish();
}

describe("GraphBuilder", () => {
  it("extends a graph with fresh names and leaves the original as it was", () => {
    const g = new GraphBuilder(graph([input, double]));
    const [z] = g.apply(OPS.add, [y, x], {});
    expect(z.id).toBe(2);
    expect(g.finish().nodes).toHaveLength(3);
  });

  it("refuses a second output of one name", () => {
    const g = new GraphBuilder(graph([input], [["x", x]]));
    expect(() => g.output("x", x)).toThrow(/already has an output "x"/);
  });
});
