import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { GraphError } from "../src/errors.js";
import type { Op } from "../src/graph/op.js";
import { formatType, fp32, type TensorType } from "../src/graph/tensor.js";
import { OPS, type OpKind } from "../src/ops/index.js";
import { OP_CASES } from "./op-cases.js";
import { Scene } from "./scene.js";

/** An operand as the signature of an operation states it: `W:fixed[N,K]` is fixed, with the sizes N and K. */
interface Stated {
  readonly placement: string;
  readonly sizes: readonly string[];
}

/**
 * An operation refuses operands that its signature does not allow. They are made from operands that it accepts, those of
 * its conformance case, by one change.
 */
describe("operands that a signature does not allow", () => {
  const kinds = (Object.keys(OP_CASES) as OpKind[]).filter((kind) =>
    (OPS[kind] as Op).operands?.match(/^\w/),
  );
  it.each(kinds)("%s refuses", (kind) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const scene = new Scene(generate, { rows: 3, largest: 6 });
        const { graph } = scene.example(OP_CASES[kind](scene));
        const uses = graph.nodes.filter(({ op }) => op.kind === kind);
        expect(uses.length, "uses of the operation in its case").toBeGreaterThan(0);
        for (const { op, inputs, attrs } of uses)
          for (const operands of wrongOperands(op, inputs)) expectRefusal(op, operands, attrs);
      }),
      { numRuns: 5 },
    );
  });
});

function wrongOperands(op: Op, operands: readonly TensorType[]): TensorType[][] {
  const wrong: TensorType[][] = [];
  const stated = statedOperands(op)?.slice(0, operands.length);
  for (const [i, type] of operands.entries()) {
    const replace = (...shape: TensorType["shape"]) => wrong.push(operands.with(i, { ...type, shape }));
    wrong.push(operands.with(i, type.dtype === "fp32" ? { dtype: "ids", shape: ["B"] } : fp32("B", 1)));
    const { placement, sizes } = stated?.[i] ?? { placement: "any", sizes: [] };
    if (placement === "row" && type.shape.length > 1) replace(...type.shape.slice(1));
    if (placement === "fixed") replace("B", ...type.shape);
    for (const [at, size] of sizes.entries()) {
      const place = at + type.shape.length - sizes.length;
      if (isShared(size, i, stated!)) replace(...type.shape.with(place, Number(type.shape[place]) + 1));
    }
  }
  return wrong;
}

/** The operands of a signature; none if it has lists, in which a place does not tell the operand. */
function statedOperands({ operands = "" }: Op): Stated[] | undefined {
  const [inputs] = operands.split("->");
  if (inputs.includes("...")) return undefined;
  return inputs
    .trim()
    .split(" ")
    .map((text) => {
      const [, placement = "", sizes = ""] = /^\w+:?(\w*)!?(?:\[([^\]]*)\])?/.exec(text)!;
      return { placement, sizes: sizes.split(",").filter((size) => /^[A-Za-z]\w*$/.test(size)) };
    });
}

/** Whether a size of operand `i` is also a size of another one, which it has to equal. */
function isShared(size: string, i: number, stated: readonly Stated[]): boolean {
  return stated.some(({ sizes }, other) => other !== i && sizes.includes(size));
}

function expectRefusal(op: Op, operands: readonly TensorType[], attrs: unknown): void {
  const got = operands.map(formatType).join(", ");
  const refused = refusalOf(() => op.infer(operands, attrs));
  expect(refused, `${op.kind} (${got})`).toBeInstanceOf(GraphError);
  expect(refused?.report.where).toContain(op.kind);
  expect(refused?.report.got).toBe(got);
  expect(refused?.report.expected).toBeTruthy();
}

function refusalOf(run: () => unknown): GraphError | undefined {
  try {
    run();
    return undefined;
  } catch (error) {
    return error as GraphError;
  }
}
