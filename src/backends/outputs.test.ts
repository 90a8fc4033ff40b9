import { describe, expect, it } from "vitest";
import { BACKENDS } from "../../conformance/backends.js";
import { GraphBuilder } from "../graph/graph.js";
import { fp32 } from "../graph/tensor.js";
import { OPS } from "../ops/index.js";

const ROWS = 10;
const data = Float32Array.from({ length: ROWS }, (_, i) => i - 4);

/** Outputs x + x and 3 x of each row. */
function doubleAndTriple() {
  const builder = new GraphBuilder();
  const [x] = builder.apply(OPS.input, [], { name: "x", type: fp32("B", 1), limit: 0 });
  builder.output("double", builder.apply(OPS.add, [x, x], {})[0]);
  builder.output("triple", builder.apply(OPS.scale, [x], { factor: 3 })[0]);
  return builder.finish();
}

describe.each(BACKENDS)("$name", ({ use }) => {
  const run = (outputs?: readonly string[]) =>
    use()
      .compile(doubleAndTriple(), new Map(), { maxBatch: 4, threads: 1 })
      .runSync({
        columns: new Map([["x", { kind: "number", data, offset: 0, stride: 1, width: 1 } as const]]),
        rows: ROWS,
        start: 0,
        count: ROWS,
        batch: 4,
        seed: 0,
        firstStep: 0,
        scalars: new Map(),
        outputs,
      });

  it("returns every output unless some are named", () => {
    expect(run()).toEqual(
      new Map([
        ["double", data.map((x) => 2 * x)],
        ["triple", data.map((x) => 3 * x)],
      ]),
    );
  });

  it("returns the outputs that are named", () => {
    expect(run(["triple"])).toEqual(new Map([["triple", data.map((x) => 3 * x)]]));
    expect(run([])).toEqual(new Map());
  });

  it("refuses an output that the graph does not have", () => {
    expect(() => run(["half"])).toThrow(/no such output[\s\S]*half[\s\S]*double, triple/);
  });
});
