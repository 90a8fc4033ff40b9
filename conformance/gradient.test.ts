import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DenseValue, Op } from "../src/graph/op.js";
import { isRow } from "../src/graph/tensor.js";
import { OPS, type OpKind } from "../src/ops/index.js";
import { evaluateDouble, gradientsDouble, toFloat64 } from "./evaluation.js";
import { OP_CASES } from "./op-cases.js";
import { type Example, Scene } from "./scene.js";

/** Central differences of a smooth function of order 1: truncation h² = 1e-12, rounding 1e-16 / h = 1e-10. */
const H = 1e-6;
const TOLERANCE = 1e-7;

const differentiable = (Object.keys(OPS) as OpKind[]).filter((kind) => (OPS[kind] as Op).gradient);

describe("gradient rules against central finite differences", () => {
  it.each(differentiable)("%s", (kind) => {
    fc.assert(
      fc.property(fc.gen(), (generate) => {
        const example = scalarExample(kind, generate);
        const analytic = gradientsDouble(example);
        for (const [name, numeric] of numericGradients(example)) {
          const got = analytic.get(name) ?? new Float64Array(numeric.length);
          numeric.forEach((slope, i) => {
            const bound = TOLERANCE * (1 + Math.abs(slope));
            expect(Math.abs(got[i] - slope), `${name}[${i}]: ${got[i]} for ${slope}`).toBeLessThan(bound);
          });
        }
      }),
      { numRuns: 40 },
    );
  });
});

function scalarExample(kind: OpKind, generate: fc.GeneratorValue): Example {
  const scene = new Scene(generate, { rows: generate(fc.integer, { min: 1, max: 5 }), largest: 4 });
  const outputs = OP_CASES[kind](scene);
  expect(outputs.length, "a case of a differentiable operation has outputs").toBeGreaterThan(0);
  return scene.example([isRow(outputs[0]) ? scene.project(outputs) : outputs[0]]);
}

function* numericGradients(example: Example): Generator<[string, Float64Array]> {
  const parameters = toFloat64(example.parameters);
  for (const { op, attrs } of example.graph.nodes) {
    if (op !== OPS.parameter || !attrs.trainable) continue;
    const values = parameters.get(attrs.name)!;
    const slopes = values.map((value, i) => {
      const loss = (x: number): number => {
        values[i] = x;
        return (
          evaluateDouble(example.graph, example, parameters).get(
            example.graph.outputs.get("y0")!,
          ) as DenseValue
        ).data[0];
      };
      const slope = (loss(value + H) - loss(value - H)) / (2 * H);
      values[i] = value;
      return slope;
    });
    yield [attrs.name, slopes];
  }
}
