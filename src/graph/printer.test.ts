import { expect, it } from "vitest";
import { OPS } from "../ops/index.js";
import { GraphBuilder } from "./graph.js";
import { printGraph } from "./printer.js";
import { fp32 } from "./tensor.js";

it("prints one equation per line, and the outputs", () => {
  const g = new GraphBuilder();
  const init = { kind: "constant", value: 0 } as const;
  const [x] = g.apply(OPS.input, [], { name: "x", type: fp32("B", 3), limit: 0 });
  const [w] = g.apply(OPS.parameter, [], { name: "w", shape: [2, 3], role: "dense", init, trainable: true });
  const [y] = g.apply(OPS.linear, [x, w], { fn: "relu" });
  const [sum] = g.apply(OPS.sumColumns, [y], {});
  g.apply(OPS.batchMoments, [y], {});
  g.output("sum", sum);
  expect(printGraph(g.finish())).toBe(
    [
      '%0: fp32[B, 3] = input() {"name":"x","type":{"dtype":"fp32","shape":["B",3]},"limit":0}',
      '%1: fp32[2, 3] = parameter() {"name":"w","shape":[2,3],"role":"dense","init":{"kind":"constant","value":0},"trainable":true}',
      '%2: fp32[B, 2] = linear(%0, %1) {"fn":"relu"}',
      "%3: fp32[B, 1] = sumColumns(%2)",
      "%4: fp32[2], %5: fp32[2] = batchMoments(%2)",
      "output sum = %3",
    ].join("\n"),
  );
});
