import { describe, expect, it } from "vitest";
import { evaluate } from "../backends/reference/evaluate.js";
import { GraphError } from "../errors.js";
import { GraphBuilder } from "../graph/graph.js";
import { asFp32, type Node, type Value } from "../graph/op.js";
import { fp32, type Tensor, width } from "../graph/tensor.js";
import { OPS } from "../ops/index.js";
import { autodiff } from "./autodiff.js";

const ROWS = 2;
const X = Float64Array.of(3, -5);
const init = { kind: "constant", value: 0 } as const;

/** A graph over x [B, 1] = (3, -5) and weights of one element each. */
class Tiny {
  readonly g = new GraphBuilder();
  readonly x = this.g.apply(OPS.input, [], { name: "x", type: fp32("B", 1), limit: 0 })[0];
  private readonly weights = new Map<string, number>();

  weight(name: string, value: number, trainable = true): Tensor {
    this.weights.set(name, value);
    const attrs = { name, shape: [1, 1], role: "dense", init, trainable } as const;
    return this.g.apply(OPS.parameter, [], attrs)[0];
  }

  times(x: Tensor, w: Tensor): Tensor {
    return this.g.apply(OPS.linear, [x, w], { fn: "none" })[0];
  }

  product(a: Tensor, b: Tensor): Tensor {
    return this.g.apply(OPS.multiply, [a, b], {})[0];
  }

  sum(...tensors: Tensor[]): Tensor {
    return this.g.apply(OPS.add, tensors, {})[0];
  }

  /** The gradients of the batch mean of `y`, by weight. */
  gradients(y: Tensor): Record<string, number | undefined> {
    this.g.output("loss", this.g.apply(OPS.batchMean, [y], {})[0]);
    const { graph, gradients } = autodiff(this.g.finish(), "loss");
    const bind = ({ op, attrs }: Node): Value =>
      op === OPS.parameter
        ? { kind: "fp32", shape: [1, 1], data: Float64Array.of(this.weights.get(attrs.name)!) }
        : { kind: "fp32", shape: [ROWS, 1], data: X };
    const values = evaluate(graph, { rows: ROWS, step: 0, seed: 0 }, bind, (n) => new Float64Array(n));
    return Object.fromEntries(
      gradients.map(({ attrs, dense: g }) => [attrs.name, g && asFp32(values.get(g)!).data[0]]),
    );
  }
}

describe("autodiff", () => {
  it("computes as many numbers for the gradients of n slices of a tensor as the tensor has", () => {
    const computed = (n: number) => {
      const g = new GraphBuilder();
      const [x] = g.apply(OPS.input, [], { name: "x", type: fp32("B", 1), limit: 0 });
      const [w] = g.apply(OPS.parameter, [], {
        name: "w",
        shape: [n, 1],
        role: "dense",
        init,
        trainable: true,
      });
      const [all] = g.apply(OPS.linear, [x, w], { fn: "none" });
      const slices = Array.from(
        { length: n },
        (_, start) => g.apply(OPS.slice, [all], { start, size: 1 })[0],
      );
      g.output("loss", g.apply(OPS.batchMean, g.apply(OPS.add, slices, {}), {})[0]);
      const { nodes } = autodiff(g.finish(), "loss").graph;
      return nodes.flatMap(({ outputs }) => outputs).reduce((sum, output) => sum + width(output), 0);
    };
    const [few, more, most] = [10, 20, 40].map(computed);
    expect((most - more) / (more - few)).toBe(2);
  });

  it("sums the gradients of a weight used twice: y = w (w x)", () => {
    const t = new Tiny();
    const w = t.weight("w", 1.5);
    const y = t.times(t.times(t.x, w), w);
    expect(t.gradients(y).w).toBeCloseTo(2 * 1.5 * -1, 12); // 2 w mean(x)
  });

  it("sums the gradients of a tensor used three times: y = u u + u, u = w x", () => {
    const t = new Tiny();
    const u = t.times(t.x, t.weight("w", 0.5));
    const y = t.sum(t.product(u, u), u);
    expect(t.gradients(y).w).toBeCloseTo(2 * 0.5 * 17 - 1, 12); // mean(2 w x² + x)
  });

  it("counts a tensor given twice to one equation twice", () => {
    const t = new Tiny();
    const u = t.times(t.x, t.weight("w", 0.5));
    expect(t.gradients(t.sum(u, u, u)).w).toBeCloseTo(-3, 12);
  });

  it("gives no gradient to what is not trainable or not used, and none through it", () => {
    const t = new Tiny();
    const frozen = t.weight("frozen", 2, false);
    t.weight("unused", 1);
    const y = t.times(t.times(t.x, frozen), t.weight("w", 1));
    expect(t.gradients(y)).toEqual({ w: -2 });
  });

  it("adds no equations for inputs that depend on no weight", () => {
    const t = new Tiny();
    const y = t.times(t.product(t.x, t.x), t.weight("w", 1));
    t.g.output("loss", t.g.apply(OPS.batchMean, [y], {})[0]);
    const { graph } = autodiff(t.g.finish(), "loss");
    expect(graph.nodes.filter(({ op }) => op === OPS.multiply)).toHaveLength(1);
  });

  it("lists one sparse gradient a lookup, in reverse order of use", () => {
    const g = new GraphBuilder();
    const attrs = { name: "table", shape: [4, 1], role: "table", init, trainable: true } as const;
    const [table] = g.apply(OPS.parameter, [], attrs);
    const ids = ["a", "b"].map(
      (name) => g.apply(OPS.input, [], { name, type: { dtype: "id", shape: ["B"] }, limit: 4 })[0],
    );
    const looked = ids.map((id) => g.apply(OPS.embedding, [table, id], {})[0]);
    g.output("loss", g.apply(OPS.batchMean, [g.apply(OPS.multiply, looked, {})[0]], {})[0]);
    const { gradients } = autodiff(g.finish(), "loss");
    expect(gradients).toHaveLength(1);
    expect(gradients[0].dense).toBeUndefined();
    expect(gradients[0].sparse.map((s) => s.ids)).toEqual([ids[1], ids[0]]);
  });

  it("refuses an output that the graph has not", () => {
    const t = new Tiny();
    t.g.output("y", t.x);
    expect(() => autodiff(t.g.finish(), "loss")).toThrow(GraphError);
    expect(() => autodiff(t.g.finish(), "loss")).toThrow(/got: +loss\n +expected: y/);
  });
});
